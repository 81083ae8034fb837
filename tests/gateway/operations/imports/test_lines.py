import pytest

from gateway.operations.imports.lines import Line, NoListError, Refused, decoded, read

COLUMNS = ("address", "alias")


def rows(text: str) -> list[tuple[int, dict[str, str]]]:
    return [(line.number, line.values) for line in read(text, COLUMNS) if isinstance(line, Line)]


def test_lines_are_numbered_as_an_editor_numbers_them() -> None:
    text = "# of the old server\n\nann@a.test\r\nbob@a.test,ann@a.test\n"
    assert rows(text) == [(3, {"address": "ann@a.test"}), (4, {"address": "bob@a.test", "alias": "ann@a.test"})]


@pytest.mark.parametrize("separator", [",", ";", "\t", ", "])
def test_values_are_parted_by_commas_semicolons_or_tabs(separator: str) -> None:
    assert rows(f"bob{separator}ann") == [(1, {"address": "bob", "alias": "ann"})]


def test_a_first_line_of_known_columns_is_a_header_and_gives_their_order() -> None:
    assert rows("Alias;Address\nann;bob\n") == [(2, {"alias": "ann", "address": "bob"})]


def test_a_first_line_that_is_no_header_is_a_line() -> None:
    assert rows("address@a.test\n") == [(1, {"address": "address@a.test"})]


def test_a_quoted_value_may_hold_what_parts_values() -> None:
    assert rows('"""Ann, B.""@a.test","ann"\n') == [(1, {"address": '"Ann, B."@a.test', "alias": "ann"})]


@pytest.mark.parametrize(
    ("text", "reason"),
    [('"ann@a.test\n', "the quotation marks do not match"), ("a,b,c\n", "there are 3 values, but 2 columns")],
)
def test_a_line_that_is_no_csv_is_given_back_with_its_number(text: str, reason: str) -> None:
    (refused,) = (each for each in read(f"ok\n{text}", COLUMNS) if isinstance(each, Refused))
    assert (refused.number, refused.text, refused.reason) == (2, text.rstrip(), reason)
    assert refused.remedy


def test_a_file_is_utf_8_with_or_without_a_byte_order_mark() -> None:
    assert decoded("\ufeffmüller".encode()) == "müller"
    with pytest.raises(NoListError, match="line 2 is not UTF-8; save the file as CSV in UTF-8"):
        decoded(b"a\nm\xfcller\n")
    with pytest.raises(NoListError, match="import it in parts"):
        decoded(b"a" * (16 * 1024 * 1024 + 1))
