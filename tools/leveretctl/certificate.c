/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERIAL_SIZE 16

/* A clock that is a little behind must not refuse what was made just now. */
#define BEGIN_SECONDS (-3600)

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool add_extensions(X509 *certificate, X509 *issuer,
                           const struct certificate_request *request) {
    static const struct {
        const char *constraints, *usage, *extended_usage;
    } kinds[] = {
        [CERTIFICATE_AUTHORITY] = {"critical,CA:TRUE", "critical,keyCertSign,cRLSign", NULL},
        [CERTIFICATE_SERVER] = {"critical,CA:FALSE", "critical,digitalSignature", "serverAuth"},
        [CERTIFICATE_CLIENT] = {"critical,CA:FALSE", "critical,digitalSignature", "clientAuth"},
    };
    const char *names = request->alternative_names;

    return add_extension(certificate, issuer, NID_basic_constraints,
                         kinds[request->kind].constraints) &&
           add_extension(certificate, issuer, NID_key_usage, kinds[request->kind].usage) &&
           (kinds[request->kind].extended_usage == NULL ||
            add_extension(certificate, issuer, NID_ext_key_usage,
                          kinds[request->kind].extended_usage)) &&
           (names == NULL || add_extension(certificate, issuer, NID_subject_alt_name, names)) &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
}

static bool set_random_serial(X509 *certificate) {
    unsigned char octets[SERIAL_SIZE];
    BIGNUM *number = NULL;
    bool set = RAND_bytes(octets, sizeof octets) == 1;

    octets[0] &= 0x7f; /* positive */
    number = set ? BN_bin2bn(octets, sizeof octets, NULL) : NULL;
    set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

static bool set_subject(X509 *certificate, const char *common_name) {
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1;
}

bool identity_make(const struct certificate_request *request, struct identity *ret_identity) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509 *issuer = request->issuer == NULL ? certificate : request->issuer->certificate;
    EVP_PKEY *issuer_key = request->issuer == NULL ? key : request->issuer->key;

    if (key != NULL && certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        set_random_serial(certificate) &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), BEGIN_SECONDS) != NULL &&
        X509_time_adj_ex(X509_getm_notAfter(certificate), request->days, 0, NULL) != NULL &&
        set_subject(certificate, request->common_name) &&
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
        X509_set_pubkey(certificate, key) == 1 && add_extensions(certificate, issuer, request) &&
        X509_sign(certificate, issuer_key, EVP_sha256()) != 0) {
        *ret_identity = (struct identity){.key = key, .certificate = certificate};
        return true;
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return false;
}

bool identity_load(const char *certificate_path, const char *key_path,
                   struct identity *ret_identity) {
    struct identity identity = {0};
    FILE *certificate_file = fopen(certificate_path, "re");
    FILE *key_file = fopen(key_path, "re");

    if (certificate_file != NULL)
        identity.certificate = PEM_read_X509(certificate_file, NULL, NULL, NULL);
    if (key_file != NULL)
        identity.key = PEM_read_PrivateKey(key_file, NULL, NULL, NULL);
    if (certificate_file != NULL)
        fclose(certificate_file);
    if (key_file != NULL)
        fclose(key_file);
    if (identity.key != NULL && identity.certificate != NULL) {
        *ret_identity = identity;
        return true;
    }
    identity_clear(&identity);
    return false;
}

static FILE *make_file(const char *path, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

int identity_save(const struct identity *identity, const char *certificate_path,
                  const char *key_path) {
    FILE *key_file = make_file(key_path, S_IRUSR | S_IWUSR);
    if (key_file == NULL)
        return -errno;
    bool saved = PEM_write_PrivateKey(key_file, identity->key, NULL, NULL, 0, NULL, NULL) == 1;
    saved &= fclose(key_file) == 0;
    FILE *file = make_file(certificate_path, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
    if (file == NULL)
        return -errno;
    saved &= PEM_write_X509(file, identity->certificate) == 1;
    saved &= fclose(file) == 0;
    return saved ? 0 : -EIO;
}

void identity_clear(struct identity *identity) {
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
    *identity = (struct identity){0};
}
