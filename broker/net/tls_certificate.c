/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names out of certificates, written as RabbitMQ writes them (rabbit_cert_info): definitions and
 * permissions name users like that. The last RDN comes first, RFC 4514 escapes, octets outside of
 * printable ASCII as \XX.
 */
#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "broker/net/tls_private.h"

/* The short names that RabbitMQ knows; other types are written as dotted numbers. */
static const struct {
    int nid;
    const char *name;
} attribute_names[] = {
    {NID_surname, "SN"},
    {NID_givenName, "GIVENNAME"},
    {NID_initials, "INITIALS"},
    {NID_generationQualifier, "GENERATIONQUALIFIER"},
    {NID_commonName, "CN"},
    {NID_localityName, "L"},
    {NID_stateOrProvinceName, "ST"},
    {NID_organizationName, "O"},
    {NID_organizationalUnitName, "OU"},
    {NID_title, "TITLE"},
    {NID_countryName, "C"},
    {NID_serialNumber, "SERIALNUMBER"},
    {NID_pseudonym, "PSEUDONYM"},
    {NID_domainComponent, "DC"},
    {NID_pkcs9_emailAddress, "EMAILADDRESS"},
    {NID_userId, "UID"},
};

static void append_attribute_name(struct text *text, const ASN1_OBJECT *type) {
    char numbers[128];
    int nid = OBJ_obj2nid(type);

    for (size_t i = 0; i < sizeof attribute_names / sizeof attribute_names[0]; i++) {
        if (attribute_names[i].nid == nid) {
            text_append_format(text, "%s=", attribute_names[i].name);
            return;
        }
    }
    OBJ_obj2txt(numbers, sizeof numbers, type, 1);
    text_append_format(text, "%s=", numbers);
}

static void append_escaped(struct text *text, const unsigned char *octets, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char octet = octets[i];
        bool at_edge = (i == 0 && (octet == ' ' || octet == '#')) || (i + 1 == len && octet == ' ');
        if (octet < ' ' || octet >= 126)
            text_append_format(text, "\\%02X", octet);
        else if (at_edge || strchr(",+\"<>;\\", octet) != NULL)
            text_append_format(text, "\\%c", octet);
        else
            text_append_format(text, "%c", octet);
    }
}

static void append_entry(struct text *text, const X509_NAME_ENTRY *entry) {
    unsigned char *value = NULL;
    int len = ASN1_STRING_to_UTF8(&value, X509_NAME_ENTRY_get_data(entry));

    append_attribute_name(text, X509_NAME_ENTRY_get_object(entry));
    if (len > 0)
        append_escaped(text, value, (size_t)len);
    OPENSSL_free(value);
}

/* From the last RDN to the first; the parts of one in their own order. */
void tls_append_name(struct text *text, const X509_NAME *name) {
    int end = X509_NAME_entry_count(name);
    const char *separator = "";

    while (end > 0) {
        int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, end - 1));
        int begin = end;
        while (begin > 0 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, begin - 1)) == set)
            begin--;
        for (int i = begin; i < end; i++) {
            text_append_format(text, "%s", separator);
            append_entry(text, X509_NAME_get_entry(name, i));
            separator = "+";
        }
        separator = ",";
        end = begin;
    }
}

static void append_time(struct text *text, const ASN1_TIME *time) {
    struct tm tm = {0};
    char written[32] = "";

    if (ASN1_TIME_to_tm(time, &tm) == 1)
        strftime(written, sizeof written, "%Y-%m-%dT%H:%M:%SZ", &tm);
    text_append_format(text, "%s", written);
}

void tls_append_validity(struct text *text, const X509 *certificate) {
    append_time(text, X509_get0_notBefore(certificate));
    text_append(text, SLICE(" - "));
    append_time(text, X509_get0_notAfter(certificate));
}

/* --- the name to log in by --- */

/* A NUL inside would end the name where nobody expects it. */
static bool append_plain(struct text *text, const unsigned char *octets, int len) {
    if (len <= 0 || memchr(octets, '\0', (size_t)len) != NULL)
        return false;
    text_append(text, slice_of(octets, (size_t)len));
    return true;
}

/* Several common names are joined by commas, as RabbitMQ does. */
static bool append_common_names(struct text *text, const X509_NAME *name) {
    bool good = true;
    size_t begin = text->len;

    for (int at = -1; good && (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;) {
        unsigned char *value = NULL;
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, at);
        int len = ASN1_STRING_to_UTF8(&value, X509_NAME_ENTRY_get_data(entry));
        if (text->len > begin)
            text_append(text, SLICE(","));
        good = append_plain(text, value, len);
        OPENSSL_free(value);
    }
    return good && text->len > begin;
}

static bool append_address(struct text *text, const ASN1_OCTET_STRING *address) {
    char written[INET6_ADDRSTRLEN];
    int len = ASN1_STRING_length(address);
    int family = len == 4 ? AF_INET : AF_INET6;

    if ((len != 4 && len != 16) ||
        inet_ntop(family, ASN1_STRING_get0_data(address), written, sizeof written) == NULL)
        return false;
    text_append_format(text, "%s", written);
    return true;
}

static bool append_string(struct text *text, const ASN1_STRING *string) {
    return append_plain(text, ASN1_STRING_get0_data(string), ASN1_STRING_length(string));
}

/* otherName: what is in it, if that is a text (a user principal name is). */
static bool append_other(struct text *text, const OTHERNAME *other) {
    unsigned char *value = NULL;
    int type = other->value->type;

    if (type != V_ASN1_UTF8STRING && type != V_ASN1_IA5STRING && type != V_ASN1_PRINTABLESTRING)
        return false;
    int len = ASN1_STRING_to_UTF8(&value, other->value->value.asn1_string);
    bool good = append_plain(text, value, len);
    OPENSSL_free(value);
    return good;
}

static bool append_general_name(struct text *text, const GENERAL_NAME *name) {
    switch (name->type) {
    case GEN_DNS:
        return append_string(text, name->d.dNSName);
    case GEN_EMAIL:
        return append_string(text, name->d.rfc822Name);
    case GEN_URI:
        return append_string(text, name->d.uniformResourceIdentifier);
    case GEN_IPADD:
        return append_address(text, name->d.iPAddress);
    case GEN_OTHERNAME:
        return append_other(text, name->d.otherName);
    default:
        return false;
    }
}

static bool append_alternative_name(struct text *text, X509 *certificate,
                                    const struct tls_login *login) {
    static const int types[] = {[TLS_NAME_DNS] = GEN_DNS,
                                [TLS_NAME_IP] = GEN_IPADD,
                                [TLS_NAME_EMAIL] = GEN_EMAIL,
                                [TLS_NAME_URI] = GEN_URI,
                                [TLS_NAME_OTHER] = GEN_OTHERNAME};
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    unsigned index = 0;
    bool found = false, good = false;

    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != types[login->name_type] || index++ != login->name_index)
            continue;
        found = true;
        good = append_general_name(text, name);
    }
    GENERAL_NAMES_free(names);
    return good;
}

static bool append_subject(struct text *text, X509 *certificate) {
    tls_append_name(text, X509_get_subject_name(certificate));
    return text->len > 0;
}

bool tls_append_login_name(struct text *text, X509 *certificate, const struct tls_login *login) {
    switch (login->from) {
    case TLS_LOGIN_COMMON_NAME:
        return append_common_names(text, X509_get_subject_name(certificate));
    case TLS_LOGIN_ALTERNATIVE_NAME:
        return append_alternative_name(text, certificate, login);
    default:
        return append_subject(text, certificate);
    }
}

bool tls_certificate_is_for(X509 *certificate, const char *name) {
    return X509_check_host(certificate, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}
