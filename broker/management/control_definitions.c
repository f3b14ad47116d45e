/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: the client has the files, the broker their text. */
#include <sysexits.h>

#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/definitions.h"
#include "broker/management/control_handlers.h"

void control_export_definitions(struct control_call *call) {
    struct text text = {0};
    struct json_out out = {.text = &text};

    definitions_export(call->control->broker, &out);
    control_text(call, "%s", text_chars(&text));
    control_finish(call);
    text_clear(&text);
}

/* The argument is what the file holds: leveretctl has read it. */
void control_import_definitions(struct control_call *call) {
    const char *content = control_argument(call, 0);
    struct text error = {0};

    if (definitions_import_text(call->control->broker,
                                slice_from_text(content == NULL ? "" : content), &error)) {
        control_banner(call, "Successfully started definition import. This process is asynchronous "
                             "and can take some time.");
        control_finish_durably(call);
    } else {
        control_fail(call, EX_DATAERR, "%s", text_chars(&error));
    }
    text_clear(&error);
}
