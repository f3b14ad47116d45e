/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: the client has the files, the broker their text. */
#include <sysexits.h>

#include "broker/base/json.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/definitions.h"
#include "broker/management/control_handlers.h"
#include "broker/management/definitions_passwords.h"

void control_export_definitions(struct control_call *call) {
    struct text text = {0};
    struct json_out out = {.text = &text};

    definitions_export(call->control->broker, &out);
    control_text(call, "%s", text_chars(&text));
    control_finish(call);
    text_clear(&text);
}

static void import(struct control_call *call, const json_t *definitions) {
    struct text error = {0};

    if (definitions_import(call->control->broker, definitions, NULL, &error)) {
        control_banner(call, "Successfully started definition import. This process is asynchronous "
                             "and can take some time.");
        control_finish_durably(call);
    } else {
        control_fail(call, EX_DATAERR, "%s", text_chars(&error));
    }
    text_clear(&error);
}

/* --- a call that waits for hashes --- */

static void abandon(struct control_call *call) {
    definitions_passwords_destroy(call->state);
}

static void on_hashed(void *context) {
    struct control_call *call = context;
    struct definitions_passwords *passwords = call->state;

    call->on_abandoned = NULL;
    import(call, definitions_passwords_result(passwords));
    definitions_passwords_destroy(passwords);
}

/* The argument is what the file holds: leveretctl has read it. */
void control_import_definitions(struct control_call *call) {
    const char *content = control_argument(call, 0);
    struct text error = {0};
    json_t *definitions = json_read(slice_from_text(content == NULL ? "" : content), &error);

    if (definitions == NULL) {
        control_fail(call, EX_DATAERR, "%s", text_chars(&error));
        text_clear(&error);
        return;
    }
    struct definitions_passwords *passwords =
        definitions_passwords_hash(call->control->broker, definitions, on_hashed, call);
    if (passwords == NULL) {
        import(call, definitions);
    } else {
        call->state = passwords;
        call->on_abandoned = abandon;
    }
    json_decref(definitions);
}
