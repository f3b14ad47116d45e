/* SPDX-License-Identifier: Apache-2.0 */
/* What a command takes from files and puts there: definitions, and passwords from standard input. */
#ifndef LEVERET_TOOLS_LEVERETCTL_FILES_H
#define LEVERET_TOOLS_LEVERETCTL_FILES_H

#include <stdio.h>

#include "broker/base/text.h"

struct call;

/*
 * Replaces the name of a file by what it holds, and adds a password that was not given. `content` keeps it as
 * long as the call is used. EX_OK, or the exit code after a complaint.
 */
int files_fill_in(struct call *call, struct text *content);

/* Where texts of the answer go: standard output, or the file the call names. NULL after a complaint. */
FILE *files_open_output(const struct call *call);
/* EX_OK, or the exit code after a complaint. */
int files_close_output(const struct call *call, FILE *file);

#endif
