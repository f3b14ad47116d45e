/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of TLS in one process, without a socket: what one says is given to the other. */
#include "broker/net/tls_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/ssl.h>
#include <cmocka.h>

#include "broker/base/text.h"
#include "broker/base/tls_peer.h"
#include "broker/net/tls_context.h"
#include "tools/leveretctl/certificate.h"

struct room {
    char place[32];
    char ca[64], ca_key[64], server[64], server_key[64], client[64], client_key[64];
    struct tls_context *server_context;
    struct tls_context *client_context;
};

struct end {
    struct tls_session *session;
    struct tls_buffer output;
};

static void name_files(struct room *room) {
    snprintf(room->ca, sizeof room->ca, "%s/ca.pem", room->place);
    snprintf(room->ca_key, sizeof room->ca_key, "%s/ca.key", room->place);
    snprintf(room->server, sizeof room->server, "%s/server.pem", room->place);
    snprintf(room->server_key, sizeof room->server_key, "%s/server.key", room->place);
    snprintf(room->client, sizeof room->client, "%s/client.pem", room->place);
    snprintf(room->client_key, sizeof room->client_key, "%s/client.key", room->place);
}

static void make_certificates(struct room *room) {
    struct identity ca, server, client;
    struct certificate_request request = {
        .kind = CERTIFICATE_AUTHORITY, .common_name = "CA", .days = 9};
    assert_true(identity_make(&request, &ca));
    request = (struct certificate_request){.kind = CERTIFICATE_SERVER,
                                           .common_name = "localhost",
                                           .alternative_names = "DNS:localhost",
                                           .days = 9,
                                           .issuer = &ca};
    assert_true(identity_make(&request, &server));
    request = (struct certificate_request){.kind = CERTIFICATE_CLIENT,
                                           .common_name = "bob, #1",
                                           .alternative_names = "DNS:b.example,DNS:c.example,"
                                                                "email:bob@example.org,IP:10.0.0.1,"
                                                                "URI:amqp:bob",
                                           .days = 9,
                                           .issuer = &ca};
    assert_true(identity_make(&request, &client));
    assert_int_equal(identity_save(&ca, room->ca, room->ca_key), 0);
    assert_int_equal(identity_save(&server, room->server, room->server_key), 0);
    assert_int_equal(identity_save(&client, room->client, room->client_key), 0);
    identity_clear(&ca);
    identity_clear(&server);
    identity_clear(&client);
}

static struct tls_options server_options(struct room *room) {
    return (struct tls_options){.prefix = "ssl_options",
                                .files = {room->server, room->server_key},
                                .cacertfile = room->ca,
                                .verify_peer = true,
                                .depth = 1,
                                .tls12 = true,
                                .tls13 = true};
}

static void make_contexts(struct room *room, const struct tls_options *options) {
    struct text error = {0};
    const struct tls_files client = {room->client, room->client_key};
    assert_true(tls_context_create(options, &room->server_context, &error));
    assert_true(tls_context_create_client(room->ca, &client, &room->client_context, &error));
}

static int set_up(void **state) {
    struct room *room = calloc(1, sizeof *room);
    strcpy(room->place, "/tmp/leveret-tls-XXXXXX");
    assert_non_null(mkdtemp(room->place));
    name_files(room);
    make_certificates(room);
    *state = room;
    return 0;
}

static int tear_down(void **state) {
    struct room *room = *state;
    tls_context_destroy(room->server_context);
    tls_context_destroy(room->client_context);
    unlink(room->ca);
    unlink(room->ca_key);
    unlink(room->server);
    unlink(room->server_key);
    unlink(room->client);
    unlink(room->client_key);
    rmdir(room->place);
    free(room);
    return 0;
}

static void clear(struct end *end) {
    tls_session_destroy(end->session);
    tls_buffer_clear(&end->output);
}

/* Gives `to` what `from` has said, at most `piece` octets at a time; the status of the last one. */
static enum tls_status shake(struct end *from, struct end *to, size_t piece) {
    enum tls_status status = TLS_MORE;
    for (size_t at = 0; at < from->output.len && status == TLS_MORE; at += piece) {
        size_t len = from->output.len - at < piece ? from->output.len - at : piece;
        tls_session_give(to->session, slice_of(from->output.data + at, len));
        status = tls_session_handshake(to->session, &to->output);
    }
    from->output.len = 0;
    return status;
}

static enum tls_status connect_ends(struct room *room, struct end *server, struct end *client,
                                    size_t piece) {
    enum tls_status client_status, server_status = TLS_MORE;
    *server = (struct end){.session = tls_session_create(room->server_context)};
    *client = (struct end){.session = tls_session_create_client(room->client_context, "localhost")};
    client_status = tls_session_handshake(client->session, &client->output);
    while (client->output.len > 0 && server_status == TLS_MORE && client_status != TLS_FAILED) {
        server_status = shake(client, server, piece);
        if (server->output.len > 0 && client_status == TLS_MORE)
            client_status = shake(server, client, piece);
    }
    return server_status;
}

static size_t receive(struct end *from, struct end *to, uint8_t *room, size_t size,
                      enum tls_status expected) {
    size_t len = 0;
    tls_session_give(to->session, slice_of(from->output.data, from->output.len));
    assert_int_equal(tls_session_read(to->session, 0, room, size, &len, &to->output), expected);
    from->output.len = 0;
    return len;
}

static void pass(struct end *from, struct end *to, size_t size) {
    uint8_t *sent = malloc(size + 1), *got = malloc(size + TLS_READ_EXTRA);
    for (size_t i = 0; i < size; i++)
        sent[i] = (uint8_t)(i * 7 + i / 251);
    size_t half = size / 3;
    const struct iovec iov[] = {{sent, half}, {sent + half, 0}, {sent + half, size - half}};
    assert_int_equal(tls_session_write(from->session, iov, 3, SIZE_MAX, &from->output), size);
    assert_int_equal(receive(from, to, got, size + TLS_READ_EXTRA, TLS_READY), size);
    assert_memory_equal(sent, got, size);
    free(sent);
    free(got);
}

static void octets_pass_both_ways(void **state) {
    struct room *room = *state;
    struct tls_options options = server_options(room);
    struct end server, client;
    make_contexts(room, &options);
    assert_int_equal(connect_ends(room, &server, &client, SIZE_MAX / 2), TLS_READY);
    for (size_t size = 1; size < 200000; size = size * 3 + 5) {
        pass(&client, &server, size);
        pass(&server, &client, size);
    }
    clear(&server);
    clear(&client);
}

static void octets_may_arrive_one_by_one(void **state) {
    struct room *room = *state;
    struct tls_options options = server_options(room);
    struct end server, client;
    make_contexts(room, &options);
    assert_int_equal(connect_ends(room, &server, &client, 1), TLS_READY);
    pass(&client, &server, 100);
    clear(&server);
    clear(&client);
}

static void records_are_filled(void **state) {
    struct room *room = *state;
    struct tls_options options = server_options(room);
    struct end server, client;
    uint8_t *octets = calloc(1, 4 * TLS_RECORD_SIZE);
    struct iovec iov[64];
    make_contexts(room, &options);
    assert_int_equal(connect_ends(room, &server, &client, SIZE_MAX / 2), TLS_READY);
    for (size_t i = 0; i < 64; i++)
        iov[i] = (struct iovec){octets, 1024};
    client.output.len = 0;
    assert_int_equal(tls_session_write(client.session, iov, 64, SIZE_MAX, &client.output),
                     4 * TLS_RECORD_SIZE);
    assert_true(client.output.len < 4 * (TLS_RECORD_SIZE + 40));
    assert_int_equal(tls_session_write(client.session, iov, 64, 100, &client.output), 100);
    free(octets);
    clear(&server);
    clear(&client);
}

static void an_end_is_told_from_a_cut(void **state) {
    struct room *room = *state;
    struct tls_options options = server_options(room);
    struct end server, client;
    uint8_t got[64 + TLS_READ_EXTRA];
    make_contexts(room, &options);
    assert_int_equal(connect_ends(room, &server, &client, SIZE_MAX / 2), TLS_READY);
    const struct iovec iov = {got, 10};
    memset(got, 1, 10);
    client.output.len = 0;
    tls_session_write(client.session, &iov, 1, SIZE_MAX, &client.output);
    tls_session_end(client.session, &client.output);
    assert_int_equal(receive(&client, &server, got, sizeof got, TLS_ENDED), 10);
    clear(&server);
    clear(&client);
}

static void damaged_octets_fail(void **state) {
    struct room *room = *state;
    struct tls_options options = server_options(room);
    struct end server, client;
    uint8_t got[64 + TLS_READ_EXTRA] = {0};
    make_contexts(room, &options);
    assert_int_equal(connect_ends(room, &server, &client, SIZE_MAX / 2), TLS_READY);
    const struct iovec iov = {got, 10};
    client.output.len = 0;
    tls_session_write(client.session, &iov, 1, SIZE_MAX, &client.output);
    client.output.data[client.output.len - 3] ^= 1;
    assert_int_equal(receive(&client, &server, got, sizeof got, TLS_FAILED), 0);
    assert_non_null(tls_session_failure(server.session));
    clear(&server);
    clear(&client);
}

static void a_long_hello_is_refused_before_it_is_stored(void **state) {
    struct room *room = *state;
    struct tls_options options = server_options(room);
    struct tls_buffer output = {0};
    /* record of 16384, handshake message 1 of 16385 */
    static const uint8_t hello[] = {22, 3, 1, 0x40, 0, 1, 0, 0x40, 1, 3, 3};
    make_contexts(room, &options);
    for (size_t cut = 1; cut < sizeof hello; cut++) {
        struct tls_session *session = tls_session_create(room->server_context);
        tls_session_give(session, slice_of(hello, cut));
        enum tls_status status = tls_session_handshake(session, &output);
        if (status == TLS_MORE) {
            tls_session_give(session, slice_of(hello + cut, sizeof hello - cut));
            status = tls_session_handshake(session, &output);
        }
        assert_int_equal(status, TLS_FAILED);
        assert_string_equal(tls_session_failure(session), "client hello too long");
        tls_session_destroy(session);
    }
    tls_buffer_clear(&output);
}

/* What a peer says beside octets is counted, minute by minute. */
static void too_many_key_updates_fail(void **state) {
    struct room *room = *state;
    struct tls_options options = server_options(room);
    struct end server, client;
    uint8_t got[64 + TLS_READ_EXTRA] = {0};
    const struct iovec iov = {got, 1};
    int64_t now_ms = 0;
    size_t len;
    make_contexts(room, &options);
    assert_int_equal(connect_ends(room, &server, &client, SIZE_MAX / 2), TLS_READY);
    enum tls_status status = TLS_READY;
    int updates = 0;
    for (; status == TLS_READY && updates < 200; updates++) {
        if (updates == TLS_MESSAGES_PER_MINUTE - 1)
            now_ms += 60000; /* a new minute, a new count */
        client.output.len = server.output.len = 0;
        assert_true(tls_session_update_key(client.session));
        tls_session_write(client.session, &iov, 1, SIZE_MAX, &client.output);
        tls_session_give(server.session, slice_of(client.output.data, client.output.len));
        status = tls_session_read(server.session, now_ms, got, sizeof got, &len, &server.output);
    }
    assert_int_equal(status, TLS_FAILED);
    assert_string_equal(tls_session_failure(server.session), "too many key updates");
    assert_in_range(updates, 2 * TLS_MESSAGES_PER_MINUTE - 2, 2 * TLS_MESSAGES_PER_MINUTE + 2);
    clear(&server);
    clear(&client);
}

static void expect_login(struct room *room, struct tls_login login, const char *expected) {
    struct tls_options options = server_options(room);
    struct end server, client;
    struct text texts[4] = {{0}};
    struct tls_peer peer;
    options.login = login;
    make_contexts(room, &options);
    assert_int_equal(connect_ends(room, &server, &client, SIZE_MAX / 2), TLS_READY);
    tls_session_describe(server.session, &peer, texts);
    if (expected == NULL)
        assert_null(peer.login_name);
    else
        assert_string_equal(peer.login_name, expected);
    assert_string_equal(peer.subject, "CN=bob\\, #1");
    assert_string_equal(peer.issuer, "CN=CA");
    assert_string_equal(peer.protocol, "tlsv1.3");
    assert_string_equal(peer.key_exchange, "any");
    assert_string_equal(peer.hash, "aead");
    assert_non_null(strstr(peer.validity, "Z - 2"));
    for (size_t i = 0; i < 4; i++)
        text_clear(&texts[i]);
    clear(&server);
    clear(&client);
    tls_context_destroy(room->server_context);
    tls_context_destroy(room->client_context);
    room->server_context = room->client_context = NULL;
}

static void the_login_name_is_where_the_configuration_says(void **state) {
    struct room *room = *state;
    expect_login(room, (struct tls_login){0}, "CN=bob\\, #1");
    expect_login(room, (struct tls_login){.from = TLS_LOGIN_COMMON_NAME}, "bob, #1");
    struct tls_login login = {.from = TLS_LOGIN_ALTERNATIVE_NAME};
    expect_login(room, login, "b.example");
    login.name_index = 1;
    expect_login(room, login, "c.example");
    login.name_index = 2;
    expect_login(room, login, NULL);
    login = (struct tls_login){.from = TLS_LOGIN_ALTERNATIVE_NAME, .name_type = TLS_NAME_EMAIL};
    expect_login(room, login, "bob@example.org");
    login.name_type = TLS_NAME_IP;
    expect_login(room, login, "10.0.0.1");
    login.name_type = TLS_NAME_URI;
    expect_login(room, login, "amqp:bob");
    login.name_type = TLS_NAME_OTHER;
    expect_login(room, login, NULL);
}

static void who_is_not_verified_has_no_login_name(void **state) {
    struct room *room = *state;
    struct tls_options options = server_options(room);
    struct end server, client;
    struct text texts[4] = {{0}};
    struct tls_peer peer;
    options.verify_peer = false;
    make_contexts(room, &options);
    assert_int_equal(connect_ends(room, &server, &client, SIZE_MAX / 2), TLS_READY);
    tls_session_describe(server.session, &peer, texts);
    assert_null(peer.login_name);
    assert_null(peer.subject);
    clear(&server);
    clear(&client);
}

static void a_reload_changes_new_sessions_only(void **state) {
    struct room *room = *state;
    struct tls_options options = server_options(room), broken;
    struct end server, client, server2, client2;
    struct text error = {0};
    make_contexts(room, &options);
    assert_int_equal(connect_ends(room, &server, &client, SIZE_MAX / 2), TLS_READY);
    broken = options;
    broken.files.keyfile = room->client_key;
    assert_false(tls_context_reload(room->server_context, &broken, &error));
    assert_non_null(strstr(text_chars(&error), room->client_key));
    assert_int_equal(connect_ends(room, &server2, &client2, SIZE_MAX / 2), TLS_READY);
    clear(&server2);
    clear(&client2);
    assert_true(tls_context_reload(room->server_context, &options, &error));
    assert_int_equal(connect_ends(room, &server2, &client2, SIZE_MAX / 2), TLS_READY);
    pass(&client, &server, 1000);
    pass(&client2, &server2, 1000);
    tls_context_rotate_tickets(room->server_context);
    text_clear(&error);
    clear(&server);
    clear(&client);
    clear(&server2);
    clear(&client2);
}

static void a_ticket_resumes(void **state) {
    struct room *room = *state;
    struct tls_options options = server_options(room);
    struct end server, client;
    make_contexts(room, &options);
    tls_context_set_resumption(room->client_context, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(connect_ends(room, &server, &client, SIZE_MAX / 2), TLS_READY);
        assert_int_equal(tls_session_was_resumed(server.session), i > 0);
        pass(&server, &client, 10); /* the ticket comes in front of it */
        clear(&server);
        clear(&client);
    }
    tls_context_rotate_tickets(room->server_context);
    assert_int_equal(connect_ends(room, &server, &client, SIZE_MAX / 2), TLS_READY);
    assert_false(tls_session_was_resumed(server.session));
    clear(&server);
    clear(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(octets_pass_both_ways),
        TEST(octets_may_arrive_one_by_one),
        TEST(records_are_filled),
        TEST(an_end_is_told_from_a_cut),
        TEST(damaged_octets_fail),
        TEST(a_long_hello_is_refused_before_it_is_stored),
        TEST(too_many_key_updates_fail),
        TEST(the_login_name_is_where_the_configuration_says),
        TEST(who_is_not_verified_has_no_login_name),
        TEST(a_reload_changes_new_sessions_only),
        TEST(a_ticket_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
