import pytest

from web import mailbox


def test_the_newest_comes_first(a_mail):
    names = [a_mail(subject=str(number)) for number in range(3)]

    assert [summary.id for summary in mailbox.summaries()] == names[::-1]


def test_no_folder_is_an_empty_mailbox():
    assert mailbox.summaries() == []
    assert mailbox.count() == 0


def test_mail_is_found_by_address_whatever_its_case_and_only_by_the_whole_of_it(a_mail):
    a_mail(to="Ada <Ada@Example.org>, bob@example.org")
    a_mail(to="canada@example.org")

    assert [summary.to for summary in mailbox.summaries(to="ada@example.org")] == [
        "Ada@Example.org, bob@example.org"
    ]


def test_a_blind_copy_is_found_by_the_envelope(a_mail):
    name = a_mail(to="ada@example.org", X_Envelope_To="secret@example.org")

    assert [summary.id for summary in mailbox.summaries(to="secret@example.org")] == [name]


def test_mail_is_found_by_words_of_its_subject_decoded(a_mail):
    name = a_mail(subject="Grüße aus Köln")
    a_mail(subject="Other")

    assert [summary.id for summary in mailbox.summaries(words="köln")] == [name]


def test_as_many_are_listed_as_were_asked_for(a_mail):
    for _ in range(5):
        a_mail()

    assert len(mailbox.summaries(limit=2)) == 2


def test_a_message_has_both_parts_and_every_header(a_mail):
    message = mailbox.message(a_mail(text="Zeile ä\n", html="<p>ä</p>", Auto_Submitted="auto-generated"))

    assert message is not None
    assert message.text == "Zeile ä\n"
    assert message.html == "<p>ä</p>\n"
    assert ("Auto-Submitted", "auto-generated") in message.headers
    assert message.summary.message_id == "<1@stage.test>"


def test_lines_end_as_python_reads_them(a_mail, settings):
    name = a_mail(html="")
    (settings.MAILBOX_FOLDER / f"{name}.eml").write_bytes(b"Subject: x\r\n\r\none\r\ntwo\r\n")

    message = mailbox.message(name)

    assert message is not None
    assert message.text == "one\ntwo\n"


@pytest.mark.parametrize("name", ["../../etc/passwd", "none", "20260101T120000000001-0000000g", ""])
def test_what_is_no_name_of_ours_is_not_there(a_mail, name):
    a_mail()

    assert mailbox.message(name) is None
    assert mailbox.raw(name) is None


def test_half_a_message_is_not_seen(a_mail, settings):
    a_mail()
    (settings.MAILBOX_FOLDER / ".20260101T120000000002-0000000a.eml.tmp").write_bytes(b"Subject: ha")

    assert mailbox.count() == 1


def test_a_character_set_that_nobody_knows_is_read_as_far_as_it_goes(a_mail, settings):
    name = a_mail(html="")
    raw = b'Subject: x\nContent-Type: text/plain; charset="klingon"\n\nabc\n'
    (settings.MAILBOX_FOLDER / f"{name}.eml").write_bytes(raw)

    message = mailbox.message(name)

    assert message is not None
    assert message.text == "abc\n"


def test_all_can_be_deleted_twice(a_mail):
    a_mail()
    a_mail()

    assert (mailbox.delete_all(), mailbox.delete_all()) == (2, 0)
    assert mailbox.summaries() == []
