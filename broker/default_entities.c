/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/default_entities.h"

#include "broker/entities/broker.h"
#include "broker/entities/permission.h"
#include "broker/entities/store.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/entities/vhost_defaults.h"

/* default_user_tags.TAG = true; an administrator when none is named. */
static bool set_default_tags(struct user *user, const struct config *config,
                             struct refusal *refusal) {
    const struct config_list *wanted = &config->default_user_tags;
    struct text tags = {0};

    if (wanted->count == 0)
        text_append(&tags, SLICE("administrator"));
    for (size_t i = 0; i < wanted->count; i++) {
        if (slice_equal(slice_from_text(wanted->items[i].value), SLICE("true")))
            text_append_format(&tags, "%s%s", tags.len > 0 ? "," : "", wanted->items[i].name);
    }
    bool done = user_set_tags(user, text_slice(&tags), refusal);
    text_clear(&tags);
    return done;
}

static bool add_default_user(struct broker *broker, struct vhost *vhost,
                             const struct config *config, struct refusal *refusal) {
    const struct slice permissions[ACCESS_COUNT] = {
        [ACCESS_CONFIGURE] = slice_from_text(config->default_permissions_configure),
        [ACCESS_WRITE] = slice_from_text(config->default_permissions_write),
        [ACCESS_READ] = slice_from_text(config->default_permissions_read),
    };
    struct user *user = user_add(broker, slice_from_text(config->default_user),
                                 secret_octets(config->default_pass));

    return set_default_tags(user, config, refusal) &&
           permission_set(user, vhost, permissions, refusal);
}

bool add_default_entities(struct broker *broker, const struct config *config, struct text *error) {
    struct refusal refusal;

    if (broker->users != NULL || broker->vhosts != NULL)
        return true;
    /* As in RabbitMQ; but who is named by the operator is made, whatever the file says. */
    if (config->definitions_path != NULL && !config_is_set(config, "default_user"))
        return true;
    store_begin_atomic(broker);
    struct vhost *vhost = broker_add_vhost(broker, slice_from_text(config->broker.default_vhost));
    vhost_apply_defaults(vhost);
    bool done = add_default_user(broker, vhost, config, &refusal);
    for (size_t i = 0; done && i < config->vhosts.count; i++) {
        vhost = broker_add_vhost(broker, slice_from_text(config->vhosts.items[i].value));
        vhost_apply_defaults(vhost);
        done = add_default_user(broker, vhost, config, &refusal);
    }
    store_end_atomic(broker);
    if (!done)
        text_append_format(error, "the default user: %s", refusal.text);
    return done;
}
