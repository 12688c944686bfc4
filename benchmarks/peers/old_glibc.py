"""Lets binaries that were built against glibc 2.38 run on an older one.

Those of uWebSockets.js need three functions of C23 that came with it: strtol, strtoul and sscanf
under new names. A file's wish for that version is made one that need not be granted, and a library
is compiled that has the three by their old names, for LD_PRELOAD. The code that runs is unchanged.
"""

import platform
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

SOURCE = """
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
unsigned long __isoc23_strtoul(const char *text, char **end, int base)
{ return strtoul(text, end, base); }
int __isoc23_sscanf(const char *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int found = vsscanf(text, format, arguments);
    va_end(arguments);
    return found;
}
"""
WANTED = b"GLIBC_2.38"
SHT_GNU_VERNEED = 0x6FFFFFFE
VER_FLG_WEAK = 2


def is_needed() -> bool:
    """Whether this machine's glibc is older."""
    name, version = platform.libc_ver()
    return name == "glibc" and tuple(map(int, version.split(".")[:2])) < (2, 38)


def _sections(elf: bytes) -> Iterator[tuple[int, int, int]]:
    """(type, offset, link) of each, of a 64-bit file with the low byte first."""
    start = struct.unpack_from("<Q", elf, 40)[0]
    size, count = struct.unpack_from("<HH", elf, 58)
    for at in range(start, start + size * count, size):
        _, type_, _, _, offset, _, link = struct.unpack_from("<IIQQQQI", elf, at)
        yield type_, offset, link


def _flags(elf: bytes) -> Iterator[int]:
    """Where the flags of the wishes for this version stand."""
    sections = list(_sections(elf))
    for type_, offset, link in sections:
        if type_ != SHT_GNU_VERNEED:
            continue
        names, need = sections[link][1], offset
        while True:
            _, count, _, first, following = struct.unpack_from("<HHIII", elf, need)
            entry = need + first
            for _ in range(count):
                _, _, _, name, step = struct.unpack_from("<IHHII", elf, entry)
                if elf[names + name :].startswith(WANTED + b"\0"):
                    yield entry + 4
                entry += step
            if not following:
                return
            need += following


def adapt(binaries: Sequence[Path], library: Path) -> None:
    """Change the files in place, and compile the library."""
    for binary in binaries:
        elf = bytearray(binary.read_bytes())
        for at in list(_flags(bytes(elf))):
            struct.pack_into("<H", elf, at, VER_FLG_WEAK)
        binary.write_bytes(elf)
    command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), "-x", "c", "-"]
    subprocess.run(command, input=SOURCE.encode(), check=True)
