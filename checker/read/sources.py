"""Opens the files of a trace, plain or compressed, and recognises what each of them is by its content."""

from __future__ import annotations

import lzma
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from enum import Enum
from hashlib import sha256
from typing import Any, AnyStr, Protocol

import zstandard

from ...grammar import TraceInputError, TraceSyntaxError, line_parser
from .. import jit
from . import standard_input

_BLOCK = 1 << 20
_PIECE = 1 << 14
"""Bytes of text, or of compressed data, that are decoded at a time: of the latter a log of one line that repeats itself becomes a hundred times as long."""
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ\x00", "xz"))
_LONGEST_MAGIC = max(len(magic) for magic, _ in _MAGIC)
_LONGEST_LINE = 1 << 26
_SNIFFED_BYTES, _SNIFFED_LINES = 1 << 14, 3
_STREAM_MAGIC = b"QEVM"
_SIMPLE_MAGIC = tuple(b"\xff" * 8 + (0xF2B177CB0AA429B4).to_bytes(8, order) for order in ("little", "big"))
_QMP_KEYS = ('"QMP"', '"execute"', '"event"', '"return"')


class Kind(Enum):
    """What a file holds."""

    NATIVE = "native trace"
    QEMU_LOG = "QEMU trace log"
    SIMPLE_TRACE = "QEMU simple trace"
    STREAM = "migration stream"
    QMP_LOG = "QMP log"
    FTRACE = "ftrace text"
    RAM_COMPARISON = "comparison of guest memory"
    COMMAND_LINE = "QEMU command line"
    IGNORED = "nothing that is read here"


def lines(path: str) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers (from 1), without line ends; ``-`` is standard input.

    Files compressed by gzip, zstd or xz are recognised by content. Raises :class:`TraceInputError` if the file is
    missing, empty or damaged, and :class:`TraceSyntaxError` at a byte that is not UTF-8 or a last line without an end.
    """
    number, rest, empty = 1, b"", True
    for block in text_blocks(path):
        empty = empty and not block
        for part in (block[:_PIECE], block[_PIECE:]) if number == 1 else (block,):  # who wants the first lines only does not pay for a block
            piece = rest + part
            end = piece.rfind(b"\n") + 1
            rest = piece[end:]
            for text in decode(piece[:end], path, number).split("\n")[:-1]:
                yield number, text
                number += 1
    if rest:
        raise unfinished_line(rest, path, number)
    if empty:
        raise TraceInputError(path, "the file is empty")


def unfinished_line(rest: bytes, path: str, number: int) -> TraceSyntaxError:
    """What is wrong with a file whose last line, ``rest``, has no end."""
    text = decode(rest, path, number)
    return TraceSyntaxError(path, number, len(text) + 1, "end of file", ("end of line (the file ends inside a line)",), text)


def is_long(path: str) -> bool:
    """Does a file hold so much text that it is worth while to read it as columns?"""
    seen, enough = 0, jit.worthwhile("bytes of text")
    for block in blocks(path):
        seen += len(block)
        if seen >= enough:
            return True
    return False


def read_text(path: str) -> str:
    """A small file as a whole; its last line needs no end, and what is not UTF-8 is replaced."""
    return b"".join(blocks(path)).decode("utf-8", errors="replace")


def recognise(path: str) -> Kind:
    """What a file holds, by how it begins. A file that is neither text nor of a known binary form, or empty, is
    :attr:`Kind.IGNORED`."""
    block = _beginning(path)
    if block.startswith(_SIMPLE_MAGIC):
        return Kind.SIMPLE_TRACE
    if block.startswith(_STREAM_MAGIC):
        return Kind.STREAM
    return recognise_lines(block[:_SNIFFED_BYTES].decode("utf-8", errors="replace").split("\n"))


def _beginning(path: str) -> bytes:
    """The first bytes of a file, as many as tell what it is; a pipe may give them piece by piece."""
    begun = b""
    for block in blocks(path):
        begun += block
        if len(begun) >= _SNIFFED_BYTES or len(_said(begun.split(b"\n")[:-1])) >= _SNIFFED_LINES:
            break
    return begun


def _said(lines: Iterable[AnyStr]) -> list[AnyStr]:
    """Lines without blank ones and comments."""
    return [text for text in lines if text.strip() and text.lstrip()[:1] not in ("#", b"#")]


def recognise_lines(first: list[str]) -> Kind:
    """What a text file holds that begins with these lines."""
    said = _said(first)
    if said and said[0].startswith("balloonproof"):
        return Kind.NATIVE
    for name, kind in (("qemu_log", Kind.QEMU_LOG), ("ftrace", Kind.FTRACE)):
        if any(line_parser(name).match(text) for text in said[:_SNIFFED_LINES]):
            return kind
    if said and any(key in said[0] for key in _QMP_KEYS) and line_parser("qmp_log").match(said[0]):
        return Kind.QMP_LOG
    if said and said[0].startswith("pfn\tclass\t"):
        return Kind.RAM_COMPARISON
    if said and len(said) <= 3 and "qemu-system" in said[0].split(" ")[0]:
        return Kind.COMMAND_LINE
    return Kind.IGNORED


def is_copy(path: str, other: str) -> bool:
    """Do two files hold the same, however each is compressed?"""
    begins = _beginning(path), _beginning(other)
    known = min(map(len, begins))
    return begins[0][:known] == begins[1][:known] and _checksum(path) == _checksum(other)


def _checksum(path: str) -> bytes:
    digest = sha256()
    for block in blocks(path):
        digest.update(block)
    return digest.digest()


def decode(block: bytes, path: str, number: int) -> str:
    """Text that begins at line ``number``; raises :class:`TraceSyntaxError` at a byte that is not UTF-8."""
    try:
        return block.decode("utf-8")
    except UnicodeDecodeError as error:
        before = block[: error.start]
        start = before.rfind(b"\n") + 1
        text = before[start:].decode("utf-8")
        found = f"the byte 0x{block[error.start]:02x}"
        line = number + before.count(b"\n")
        raise TraceSyntaxError(path, line, len(text) + 1, found, ("UTF-8 text",), text + "\N{REPLACEMENT CHARACTER}") from None


def text_blocks(path: str) -> Iterator[bytes]:
    """As :func:`blocks` of a file of lines. Raises :class:`TraceInputError` at what is too long for one, rather than fill memory with it."""
    read = length = 0
    for block in blocks(path):
        read += len(block)
        end = block.rfind(b"\n") + 1
        length = len(block) - end if end else length + len(block)
        if length > _LONGEST_LINE:
            raise TraceInputError(path, f"is no text: expected the end of the line that begins at byte {read - length}, found {length >> 20} MiB without one")
        yield block


def blocks(path: str) -> Iterator[bytes]:
    """The bytes of a file, decompressed, some at a time, without the mark of UTF-8; ``-`` is standard input.

    Raises :class:`TraceInputError`, and OSError where a pipe's copy finds no room.
    """
    try:
        with nullcontext(standard_input.Reading(path)) if standard_input.is_pipe(path) else open(path, "rb") as file:
            begun = False
            for block in _decompressed(file, path):
                yield block if begun else block.removeprefix(BOM_UTF8)
                begun = begun or bool(block)
    except OSError as error:
        if error.filename not in (None, path):
            raise
        raise TraceInputError(path, f"cannot be read: {error.strerror or error}") from None


def codec_of(begin: bytes) -> str | None:
    """How a file that begins so is compressed, if it is."""
    return next((name for magic, name in _MAGIC if begin.startswith(magic)), None)


class _Readable(Protocol):
    def read(self, count: int, /) -> bytes: ...


def _decompressed(file: _Readable, path: str) -> Iterator[bytes]:
    block = file.read(_BLOCK)
    while len(block) < _LONGEST_MAGIC and (more := file.read(_BLOCK)):  # a pipe may give less
        block += more
    codec = codec_of(block)
    if codec is None:
        while block:
            yield block
            block = file.read(_BLOCK)
        return
    decoder = _decoder(codec)
    finished = False
    block, rest = block[:_PIECE], block[_PIECE:]
    try:
        while block:
            if finished:  # another member of the same file
                decoder, finished = _decoder(codec), False
            yield decoder.decompress(block)
            finished = decoder.eof
            rest = (decoder.unused_data if finished else b"") + rest
            block, rest = rest[:_PIECE], rest[_PIECE:]
            block = block or file.read(_PIECE)
    except (zlib.error, zstandard.ZstdError, lzma.LZMAError, EOFError) as error:
        raise TraceInputError(path, f"the {codec} data is damaged: {error}") from None
    if not finished:
        raise TraceInputError(path, f"the {codec} data ends early")


def _decoder(codec: str) -> Any:
    if codec == "gzip":
        return zlib.decompressobj(wbits=31)
    return zstandard.ZstdDecompressor().decompressobj() if codec == "zstd" else lzma.LZMADecompressor()
