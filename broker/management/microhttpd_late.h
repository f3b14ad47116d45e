/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd, loaded when its first function is called and not when the program starts: it brings
 * GnuTLS and eight more libraries along, which would make up a third of the memory and most of the
 * start of a broker that has no HTTP listener, as most of those that tests start.
 *
 * Include this in place of <microhttpd.h>; the functions have their own names.  To use another one add
 * it to both lists.  When the library is missing the program says so and aborts.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_MICROHTTPD_LATE_H
#define LEVERET_BROKER_MANAGEMENT_MICROHTTPD_LATE_H

#include <microhttpd.h>

#define MICROHTTPD_FUNCTIONS(FUNCTION)                           \
    FUNCTION(MHD_add_connection)                                 \
    FUNCTION(MHD_add_response_header)                            \
    FUNCTION(MHD_create_response_from_buffer_with_free_callback) \
    FUNCTION(MHD_create_response_from_callback)                  \
    FUNCTION(MHD_destroy_response)                               \
    FUNCTION(MHD_get_connection_info)                            \
    FUNCTION(MHD_get_connection_values)                          \
    FUNCTION(MHD_get_daemon_info)                                \
    FUNCTION(MHD_get_timeout)                                    \
    FUNCTION(MHD_lookup_connection_value)                        \
    FUNCTION(MHD_queue_response)                                 \
    FUNCTION(MHD_resume_connection)                              \
    FUNCTION(MHD_run)                                            \
    FUNCTION(MHD_set_response_options)                           \
    FUNCTION(MHD_start_daemon)                                   \
    FUNCTION(MHD_stop_daemon)                                    \
    FUNCTION(MHD_suspend_connection)

#define MICROHTTPD_MEMBER(name) __typeof__(name) *name;
struct microhttpd {
    MICROHTTPD_FUNCTIONS(MICROHTTPD_MEMBER)
};

const struct microhttpd *microhttpd(void);

#ifndef MICROHTTPD_LATE_WITHOUT_NAMES
#define MHD_add_connection      microhttpd()->MHD_add_connection
#define MHD_add_response_header microhttpd()->MHD_add_response_header
#define MHD_create_response_from_buffer_with_free_callback \
    microhttpd()->MHD_create_response_from_buffer_with_free_callback
#define MHD_create_response_from_callback microhttpd()->MHD_create_response_from_callback
#define MHD_destroy_response              microhttpd()->MHD_destroy_response
#define MHD_get_connection_info           microhttpd()->MHD_get_connection_info
#define MHD_get_connection_values         microhttpd()->MHD_get_connection_values
#define MHD_get_daemon_info               microhttpd()->MHD_get_daemon_info
#define MHD_get_timeout                   microhttpd()->MHD_get_timeout
#define MHD_lookup_connection_value       microhttpd()->MHD_lookup_connection_value
#define MHD_queue_response                microhttpd()->MHD_queue_response
#define MHD_resume_connection             microhttpd()->MHD_resume_connection
#define MHD_run                           microhttpd()->MHD_run
#define MHD_set_response_options          microhttpd()->MHD_set_response_options
#define MHD_start_daemon                  microhttpd()->MHD_start_daemon
#define MHD_stop_daemon                   microhttpd()->MHD_stop_daemon
#define MHD_suspend_connection            microhttpd()->MHD_suspend_connection
#endif

#endif
