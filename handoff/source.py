"""From bytes to text: size, encoding and line ends of a handoff file, checked before anything is parsed."""

from __future__ import annotations

from handoff.problems import HandoffInvalid, Problem

MAX_BYTES = 16_000_000  # of a handoff that agents write
MAX_PRD_BYTES = 1_000_000  # of what people give
_MARK = "\ufeff"


def limit(contract: str) -> int:
    """Return how many bytes a file under `contract` may have, read or written."""
    return MAX_PRD_BYTES if contract == "feature-prd" else MAX_BYTES


def refuse_too_large(size: int, *, contract: str, file: str, hint: str) -> None:
    """Refuse a file of `size` bytes if it is longer than its contract allows.

    Raises:
        HandoffInvalid: It is; `hint` says what to do.
    """
    most = limit(contract)
    if size > most:
        problem = Problem(
            file=file,
            message="the file is too large",
            got=f"{size:,} bytes",
            expected=f"at most {most:,} bytes",
            hint=hint,
        )
        raise HandoffInvalid(contract, file, [problem])


def decoded(raw: bytes, *, contract: str, file: str, size: int = 0) -> str:
    r"""Return the text of a handoff file, without byte-order mark and with `\n` line ends.

    Args:
        raw: The file's bytes; reading one byte more than its `limit` is enough.
        contract: Named in errors, as is `file`.
        file: As problems name it.
        size: Of the whole file, if `raw` is only its beginning.

    Raises:
        HandoffInvalid: Longer than its `limit`, not UTF-8, holding a NUL byte, or empty.
    """
    refuse_too_large(
        max(size, len(raw)),
        contract=contract,
        file=file,
        hint="A handoff describes work; keep long material in files of its own and name them.",
    )
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        problem = Problem(
            file=file,
            line=raw.count(b"\n", 0, error.start) + 1,
            message="the file is not valid UTF-8",
            got=f"byte 0x{raw[error.start]:02x}",
            expected="text in UTF-8",
            hint="Save the file as UTF-8.",
        )
        raise HandoffInvalid(contract, file, [problem]) from error
    return checked(text, contract=contract, file=file)


def checked(text: str, *, contract: str, file: str) -> str:
    r"""Return `text` ready to be parsed: no byte-order mark, `\n` line ends.

    Raises:
        HandoffInvalid: It holds a NUL or half a surrogate pair, or nothing at all.
    """
    text = text.removeprefix(_MARK).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise HandoffInvalid(contract, file, [Problem(file=file, line=1, message="the file is empty")])
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        problem = Problem(file=file, line=line, message="the file holds a NUL byte", hint="Remove it: this is text.")
        raise HandoffInvalid(contract, file, [problem])
    try:
        text.encode()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        problem = Problem(file=file, line=line, message="the text holds half of a surrogate pair")
        raise HandoffInvalid(contract, file, [problem]) from error
    return text
