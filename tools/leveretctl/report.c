/* SPDX-License-Identifier: Apache-2.0 */
/* What helps to find out what is wrong: the answers of other commands, one after the other. */
#include <jansson.h>
#include <stdio.h>
#include <sysexits.h>

#include "tools/leveretctl/banner.h"
#include "tools/leveretctl/call.h"
#include "tools/leveretctl/client.h"
#include "tools/leveretctl/local.h"

static const enum command_id of_the_node[] = {
    COMMAND_status,           COMMAND_cluster_status,         COMMAND_environment,
    COMMAND_list_connections, COMMAND_list_channels,          COMMAND_list_users,
    COMMAND_list_vhosts,      COMMAND_list_global_parameters, COMMAND_list_feature_flags};

static const enum command_id of_a_vhost[] = {
    COMMAND_list_queues,    COMMAND_list_exchanges,         COMMAND_list_bindings,
    COMMAND_list_consumers, COMMAND_list_permissions,       COMMAND_list_topic_permissions,
    COMMAND_list_policies,  COMMAND_list_operator_policies, COMMAND_list_parameters};

/* False when there is no point in going on. */
static bool run_one(const struct call *call, enum command_id command, const char *vhost) {
    struct call one = *call;

    one.command = command;
    one.argument_count = one.option_count = 0;
    one.vhost = vhost;
    if (!banner_is_wanted(&one))
        printf("--- %s%s%s\n", commands[command].name, vhost == NULL ? "" : " ",
               vhost == NULL ? "" : vhost);
    int result = client_run(&one);
    putchar('\n');
    fflush(stdout);
    return result == EX_OK;
}

/* Rows with `name`. */
static int ask_for_vhosts(const struct call *call, json_t **rows) {
    struct call question = *call;

    question.command = COMMAND_list_vhosts;
    question.option_count = 0;
    question.arguments[0] = "name";
    question.argument_count = 1;
    return client_collect(&question, false, rows);
}

int local_report(const struct call *call) {
    json_t *rows = NULL;
    int result = ask_for_vhosts(call, &rows);
    bool goes_on = result == EX_OK;
    size_t i;
    json_t *row;

    for (size_t at = 0; goes_on && at < sizeof of_the_node / sizeof of_the_node[0]; at++)
        goes_on = run_one(call, of_the_node[at], NULL);
    json_array_foreach(rows, i, row) {
        const char *vhost = json_string_value(json_object_get(row, "name"));
        for (size_t at = 0; goes_on && at < sizeof of_a_vhost / sizeof of_a_vhost[0]; at++)
            goes_on = run_one(call, of_a_vhost[at], vhost);
    }
    json_decref(rows);
    return result == EX_OK && !goes_on ? EX_UNAVAILABLE : result;
}
