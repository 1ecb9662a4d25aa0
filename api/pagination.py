"""Lists: newest first, by cursor."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """`{next, previous, results}`; the cursor stays right while rows are added, and no total is counted."""

    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
