"""The API to the progress of a deletion."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries
from accounts.account_deletion.models import Deletion, DeletionState
from accounts.account_deletion.serializers import DeletionOut
from accounts.progress_responses import status_of


class DeletionStatus(generics.GenericAPIView[Deletion]):
    """A deletion, for whoever knows its id."""

    serializer_class = DeletionOut
    permission_classes = (AllowAny,)
    authentication_classes = ()
    lookup_field = "id"

    def get_queryset(self) -> QuerySet[Deletion]:
        """Return every deletion: the id is the secret."""
        return queries.deletions()

    @extend_schema(operation_id="account_deletion_retrieve")
    def get(self, request: Request, id: str) -> Response:  # noqa: A002 - the path's word
        """Show how far the deletion is."""
        asked = self.get_object()
        return status_of(self.get_serializer(asked).data, is_final=asked.state == DeletionState.DONE)
