// What Swift cannot import from OpenSSL: macros and variadic functions, as inline functions.
#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H

#include <stdint.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static inline int copenssl_set_versions(SSL_CTX *context, int minimum) {
    return SSL_CTX_set_min_proto_version(context, minimum) == 1
        && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1;
}

// Buffers of an idle connection are given back; one call reads as much as the socket has; a write may be repeated from another
// address, as the bytes are kept in a buffer of ours that may have moved. A read that finds no application data returns, instead of
// going on for as long as a client sends records without any.
static inline void copenssl_set_modes(SSL_CTX *context) {
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

// The callback argument of a session's BIO holds how many more times the socket may be read, times two, plus one once it had
// nothing. Without the limit a handshake could be kept going for as long as a client sends records that it ignores.
static inline long copenssl_count_read(BIO *bio, int operation, const char *data, size_t length, int number, long other, int result,
                                       size_t *processed) {
    (void)data;
    (void)length;
    (void)number;
    (void)other;
    (void)processed;
    uintptr_t state = (uintptr_t)BIO_get_callback_arg(bio);
    if (operation == BIO_CB_READ) {
        if (state < 2) {
            BIO_clear_retry_flags(bio);
            BIO_set_retry_read(bio);
            return -1;
        }
        BIO_set_callback_arg(bio, (char *)((state - 2) & ~(uintptr_t)1));
    } else if (operation == (BIO_CB_READ | BIO_CB_RETURN) && result <= 0) {
        BIO_set_callback_arg(bio, (char *)(state | 1));
    }
    return result;
}

static inline void copenssl_limit_reads(SSL *session) {
    BIO_set_callback_ex(SSL_get_rbio(session), copenssl_count_read);
}

// From here on the socket may be read this many times.
static inline void copenssl_allow_reads(SSL *session, unsigned count) {
    BIO_set_callback_arg(SSL_get_rbio(session), (char *)((uintptr_t)count * 2));
}

// Whether the last read of the socket found nothing.
static inline int copenssl_is_drained(const SSL *session) {
    return (int)((uintptr_t)BIO_get_callback_arg(SSL_get_rbio(session)) & 1);
}

static inline unsigned long long copenssl_bytes_read(const SSL *session) {
    return BIO_number_read(SSL_get_rbio(session));
}

static inline unsigned long long copenssl_server_options(void) {
    return SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE
        | SSL_OP_PRIORITIZE_CHACHA;
}

// Asks clients for a certificate, and refuses one that is not issued under the trusted ones, of which an intermediate CA may be one;
// who has none is served without. A resumed session would skip the expiry check, so resumption is off.
static inline int copenssl_ask_for_certificates(SSL_CTX *context) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    return SSL_CTX_set_num_tickets(context, 0);
}

static inline int copenssl_trust(SSL_CTX *context, X509 *certificate) {
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1 && SSL_CTX_add_client_CA(context, certificate) == 1;
}

static inline int copenssl_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add1_chain_cert(context, certificate) == 1;
}

// Whether the client spoke plain HTTP.
static inline int copenssl_is_plain_http(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST;
}

// PEM reading says so when there is nothing left to read.
static inline int copenssl_is_end_of_pem(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static inline EVP_PKEY *copenssl_generate_p256(void) {
    return EVP_EC_gen("P-256");
}

static inline int copenssl_push_name(GENERAL_NAMES *names, GENERAL_NAME *name) {
    return sk_GENERAL_NAME_push(names, name) > 0;
}

static inline void copenssl_free_names(GENERAL_NAMES *names) {
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
}

// Adds an extension that is written as in OpenSSL's configuration files.
static inline int copenssl_add_extension(X509 *certificate, X509 *issuer, int kind, const char *text) {
    X509V3_CTX context;
    memset(&context, 0, sizeof context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, text);
    if (extension == NULL) return 0;
    int isAdded = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return isAdded;
}

static inline long copenssl_bio_contents(BIO *bio, char **contents) {
    return BIO_get_mem_data(bio, contents);
}

// The callback argument of the BIO holds how many more times a handshake may read the socket.
static inline long copenssl_count_handshake_read(BIO *bio, int operation, const char *data, size_t length, int number, long other,
                                                 int result, size_t *processed) {
    (void)data;
    (void)length;
    (void)number;
    (void)other;
    (void)processed;
    if (operation != BIO_CB_READ) return result;
    uintptr_t left = (uintptr_t)BIO_get_callback_arg(bio);
    if (left == 0) {
        BIO_clear_retry_flags(bio);
        return -1;
    }
    BIO_set_callback_arg(bio, (char *)(left - 1));
    return result;
}

static inline void copenssl_watch_handshake(const SSL *session, int where, int value) {
    (void)value;
    BIO *bio = SSL_get_rbio(session);
    if (bio == NULL) return;
    if (where & SSL_CB_HANDSHAKE_START) {
        BIO_set_callback_arg(bio, (char *)(uintptr_t)1000);
        BIO_set_callback_ex(bio, copenssl_count_handshake_read);
    } else if (where & SSL_CB_HANDSHAKE_DONE) {
        BIO_set_callback_ex(bio, NULL);
    }
}

// For a client's context: a server that sends records which mean nothing must not keep its thread. A handshake fails once it has read
// the socket 1,000 times, and a read returns after each record without application data.
static inline void copenssl_bound_client(void *context) {
    SSL_CTX_clear_mode((SSL_CTX *)context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_info_callback((SSL_CTX *)context, copenssl_watch_handshake);
}

// A client's handshake goes on with a certificate that is not trusted, and says so. TLS 1.0 and 1.1 need the lowest security level.
static inline void copenssl_set_up_client(SSL_CTX *context, int allows_old_versions) {
    copenssl_bound_client(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_min_proto_version(context, allows_old_versions ? TLS1_VERSION : TLS1_2_VERSION);
    if (allows_old_versions) SSL_CTX_set_security_level(context, 0);
}

// The password of a private key, a text that lives as long as the context. Without one an encrypted key must fail, not ask for a
// password on the terminal.
static inline int copenssl_give_password(char *buffer, int size, int writing, void *password) {
    (void)writing;
    size_t length = password == NULL ? 0 : strlen((const char *)password);
    if (length == 0 || length > (size_t)size) return -1;
    memcpy(buffer, password, length);
    return (int)length;
}

static inline void copenssl_set_password(SSL_CTX *context, const char *password) {
    SSL_CTX_set_default_passwd_cb(context, copenssl_give_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, (void *)password);
}

static inline int copenssl_send_name(SSL *session, const char *name) {
    return SSL_set_tlsext_host_name(session, name) == 1;
}

static inline void copenssl_rewind(BIO *bio) {
    (void)BIO_reset(bio);
}

// When a certificate ends, in seconds since 1970; -1 if it does not say.
static inline int64_t copenssl_certificate_end(const X509 *certificate) {
    struct tm end;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return -1;
    return (int64_t)timegm(&end);
}

// Whether a certificate is for a name, or for an address.
static inline int copenssl_is_for(X509 *certificate, const char *name) {
    if (X509_check_ip_asc(certificate, name, 0) == 1) return 1;
    return X509_check_host(certificate, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

static inline EVP_PKEY *copenssl_read_key(BIO *bio) {
    return PEM_read_bio_PrivateKey(bio, NULL, copenssl_give_password, NULL);
}

#endif
