/* SPDX-License-Identifier: Apache-2.0 */
/* Makes keys and certificates (ECDSA P-256, SHA-256) for development, and keeps them in PEM files. */
#ifndef LEVERET_TOOLS_LEVERETCTL_CERTIFICATE_H
#define LEVERET_TOOLS_LEVERETCTL_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

enum certificate_kind { CERTIFICATE_AUTHORITY, CERTIFICATE_SERVER, CERTIFICATE_CLIENT };

/* A certificate with its key. Zero-initialised is none. */
struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

struct certificate_request {
    enum certificate_kind kind;
    const char *common_name;
    const char *alternative_names; /* OpenSSL's form, "DNS:localhost,IP:127.0.0.1"; NULL: none */
    int days;
    const struct identity *issuer; /* NULL: signs itself */
};

/* False when OpenSSL would not, for example because of a name. */
bool identity_make(const struct certificate_request *request, struct identity *ret_identity);

/* False when one of the files cannot be read. */
bool identity_load(const char *certificate_path, const char *key_path,
                   struct identity *ret_identity);

/* Both files are made anew, the key's with mode 0600. Negative errno. */
int identity_save(const struct identity *identity, const char *certificate_path,
                  const char *key_path);

void identity_clear(struct identity *identity);

#endif
