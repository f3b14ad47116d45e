/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and the files behind them, as RabbitMQ has them. */
#include "broker/management/pages.h"

#include <stddef.h>
#include <string.h>

#include "broker/management/embedded_file.h"
#include "broker/management/management_private.h"

#define HTML "text/html; charset=utf-8"

static const struct page {
    const char *path;
    const char *file; /* NULL: it is elsewhere */
    const char *type; /* of the content; of what is elsewhere: where */
} pages[] = {
    {"/", "index.html", HTML},
    {"/index.html", "index.html", HTML},
    {"/style.css", "style.css", "text/css"},
    {"/api", NULL, "/api/index.html"},
    {"/api/", NULL, "/api/index.html"},
    {"/api/index.html", "api.html", HTML},
    {"/cli", NULL, "/cli/index.html"},
    {"/cli/", NULL, "/cli/index.html"},
    {"/cli/index.html", "cli.html", HTML},
    {"/cli/rabbitmqadmin", "rabbitmqadmin", "application/octet-stream"},
};

static void show_file(struct http_response *response, const char *name, const char *content_type) {
    const struct embedded_file *file = embedded_files;

    while (strcmp(file->name, name) != 0)
        file++;
    response->content_type = content_type;
    text_append(&response->body, slice_of(file->octets, file->len));
}

static void show(struct api_request *request, const struct page *page) {
    struct http_response *response = request->response;
    struct text location = {0};

    if (page->file != NULL) {
        response->status = 200;
        show_file(response, page->file, page->type);
        return;
    }
    text_append_format(&location, "%s%s", request->management->settings.path_prefix, page->type);
    response->status = 301;
    http_response_add_header(response, "location", text_chars(&location));
    text_clear(&location);
}

static void refuse_method(struct api_request *request) {
    request->response->status = slice_equal(request->http->method, SLICE("OPTIONS")) ? 200 : 405;
    http_response_add_header(request->response, "allow", "HEAD, GET, OPTIONS");
}

static bool is_read(struct slice method) {
    return slice_equal(method, SLICE("GET")) || slice_equal(method, SLICE("HEAD"));
}

bool pages_answer(struct api_request *request, struct slice path) {
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (!slice_equal(path, slice_from_text(pages[i].path)))
            continue;
        if (is_read(request->http->method))
            show(request, &pages[i]);
        else
            refuse_method(request);
        return true;
    }
    return false;
}

static void show_description(struct api_request *request) {
    show_file(request->response, "openapi.json", NULL);
}

const struct api_route description_routes[] = {
    {"GET", "openapi.json", API_ANYONE, API_NO_BODY, show_description},
    {.pattern = NULL},
};
