/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the API, and saying what came of it in the words of RabbitMQ's tool. What complains returns 1, the exit
 * code.
 */
#ifndef LEVERET_TOOLS_RABBITMQADMIN_REPLY_H
#define LEVERET_TOOLS_RABBITMQADMIN_REPLY_H

#include <jansson.h>
#include <stdbool.h>

#include "broker/base/text.h"

struct request;

int reply_complain(const char *sentence);
/* The command line is wrong. */
int reply_complain_usage(const char *sentence);
/* Status 0: there was no answer, and `answer` says why. */
int reply_complain_status(int status, const char *path, const struct text *answer);
/* There is nothing that the verb could do with that object. */
int reply_refuse(const struct request *request);

/* True for 2xx; otherwise it has been complained about. `body` may be NULL. */
bool reply_ask(const struct request *request, const char *method, const char *path,
               const json_t *body, struct text *answer);
/* The same with a body of text. */
bool reply_ask_with(const struct request *request, const char *method, const char *path,
                    const char *body, struct text *answer);

/* Unless it is to be quiet. */
void reply_say(const struct request *request, const char *what, const char *done);

/* An array of objects in the format that is wanted; without columns all members. The exit code. */
int reply_print(const struct request *request, const struct text *answer, const char *columns);

#endif
