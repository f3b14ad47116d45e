#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Says who includes what he may not: the layers of the broker, as a table.

A folder may include itself, what RULES grants it and the C library; the outside world (libev,
OpenSSL, sockets, ...) only where RULES names it.  Prints every offence and a line of counts.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)

# folder: (project headers, outside headers) it may include, by prefix
RULES = {
    "amqp": (["amqp/"], []),
    "persistence": (["persistence/", "amqp/slice.h", "amqp/cursor.h", "amqp/writer.h"], ["pthread.h", "posix"]),
    "broker/base": (["broker/base/", "amqp/slice.h"], ["uthash.h", "xxhash.h", "jansson.h", "pcre2.h"]),
    "broker/net": (["broker/net/", "broker/base/", "amqp/slice.h"], ["ev.h", "openssl/", "sockets", "posix"]),
    "broker/entities": (["broker/entities/", "broker/base/", "amqp/", "persistence/journal.h",
                         "persistence/record.h", "persistence/pager.h"],
                        ["uthash.h", "jansson.h", "openssl/evp.h", "openssl/sha.h", "openssl/crypto.h"]),
    "broker/protocol": (["broker/protocol/", "broker/entities/", "broker/base/", "amqp/"], ["uthash.h"]),
    "broker/management": (["broker/", "amqp/"], ["microhttpd.h", "jansson.h", "uthash.h"]),
    "broker": (["broker/", "amqp/", "persistence/"], ["posix", "poll.h", "openssl/evp.h"]),
    "tools/micro": (["tools/", "amqp/", "broker/", "persistence/"], ["posix"]),
    "tools": (["tools/", "amqp/", "broker/base/", "broker/net/", "persistence/",
               "broker/data_directory.h"], ["openssl/", "curl/", "jansson.h", "sockets", "posix"]),
}
# What a name in RULES stands for beyond itself; whatever is named nowhere is the C library's.
GROUPS = {
    "sockets": ["sys/socket.h", "sys/un.h", "sys/epoll.h", "netinet/", "netdb.h", "arpa/", "poll.h"],
    "posix": ["fcntl.h", "unistd.h", "signal.h", "sys/stat.h", "sys/mman.h", "sys/uio.h", "dirent.h",
              "getopt.h", "sys/wait.h", "sys/random.h", "sys/time.h", "sys/resource.h"],
}
OUTSIDE = ["ev.h", "openssl/", "uthash.h", "xxhash.h", "jansson.h", "pcre2.h", "microhttpd.h", "curl/",
           "pthread.h", "threads.h"] + GROUPS["sockets"] + GROUPS["posix"]
# A worker is a thread. struct iovec is how an outbuf shows what it holds, mappings are how a pool gets its memory, and the
# null broker's journal is a thread as the real one is.
EXCEPTIONS = {("broker/base/outbuf.h", "sys/uio.h"), ("broker/base/outbuf.c", "sys/uio.h"),
              ("broker/base/pool.c", "sys/mman.h"), ("broker/base/worker.c", "pthread.h"), ("tools/null-journal.c", "pthread.h")}
# The codec neither prints nor allocates; its one growing thing is the table builder.
AMQP_BANNED = re.compile(r"\b(?:malloc|calloc|realloc|free|\w*printf|fopen|fwrite|puts)\s*\(")
AMQP_MAY_ALLOCATE = {"amqp/table.c", "amqp/table_builder.c"}
CLOCK = re.compile(r"\b(?:time|clock_gettime|gettimeofday|rand|random|exit|getenv)\s*\(")
CORE = ("amqp/", "broker/base/", "broker/entities/", "broker/protocol/")


def folder_of(path):
    return max((folder for folder in RULES if path.startswith(folder + "/")), key=len)


def is_allowed(path, quoted, header):
    project, outside = RULES[folder_of(path)]
    if quoted:
        return any(header.startswith(prefix) for prefix in project)
    if (path, header) in EXCEPTIONS or not any(header.startswith(name) for name in OUTSIDE):
        return True
    names = [name for word in outside for name in GROUPS.get(word, [word])]
    return any(header.startswith(name) for name in names)


def offences(path, text):
    for bracket, header in INCLUDE.findall(text):
        if not is_allowed(path, bracket == '"', header):
            yield f"{path} includes {header}"
        elif path.startswith("amqp/") and header == "stdio.h":
            yield f"{path} includes stdio.h"
    code = COMMENT.sub("", text)
    if path.startswith("amqp/") and path not in AMQP_MAY_ALLOCATE:
        yield from (f"{path} calls {call}...)" for call in AMQP_BANNED.findall(code))
    if path.startswith(CORE):
        yield from (f"{path} calls {call}...)" for call in CLOCK.findall(code))


def main():
    failed = passed = 0
    for top in ("amqp", "persistence", "broker", "tools"):
        for file in sorted((ROOT / top).rglob("*.[ch]")):
            path = str(file.relative_to(ROOT))
            found = list(offences(path, file.read_text()))
            print("\n".join(found), end="\n" if found else "")
            failed += bool(found)
            passed += not found
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
