/*
 * AES-256 in CBC mode (FIPS 197, SP 800-38A), as encrypted secrets have it. By libnettle, linked statically where that is
 * there, so that no start pays for loading it.
 */
#ifndef UTIL_AES_H
#define UTIL_AES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { AES_BLOCK = 16, AES256_KEY = 32 };

/* Decrypts len bytes, a multiple of AES_BLOCK, in place. Fails where this was built without the library. */
bool aes256_cbc_decrypt(const uint8_t key[AES256_KEY], const uint8_t iv[AES_BLOCK], uint8_t *data, size_t len, GError **error);

#endif
