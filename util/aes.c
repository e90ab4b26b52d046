/* AES; see the header. */
#include "util/aes.h"

#include <string.h>

#include "config-host.h"
#include "util/error.h"

#ifdef CONFIG_NETTLE
#include <nettle/aes.h>
#include <nettle/cbc.h>

bool aes256_cbc_decrypt(const uint8_t key[AES256_KEY], const uint8_t iv[AES_BLOCK], uint8_t *data, size_t len, GError **error)
{
    struct aes256_ctx aes;
    uint8_t chain[AES_BLOCK];

    g_assert(len % AES_BLOCK == 0);
    memcpy(chain, iv, sizeof(chain));
    aes256_set_decrypt_key(&aes, key);
    cbc_decrypt(&aes, (nettle_cipher_func *)aes256_decrypt, AES_BLOCK, chain, len, data, data);
    explicit_bzero(&aes, sizeof(aes));
    return true;
}

#else

bool aes256_cbc_decrypt(const uint8_t key[AES256_KEY], const uint8_t iv[AES_BLOCK], uint8_t *data, size_t len, GError **error)
{
    return error_setf(error, "Encrypted secrets ('keyid', 'iv') need a build with libnettle");
}

#endif
