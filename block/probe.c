/* Image formats by their first bytes. */
#include "block/probe.h"

#include <string.h>

#include "util/iov.h"

typedef struct Magic {
    const char *format;
    unsigned offset, length;
    const char *bytes;
} Magic;

static const Magic magics[] = {
    { "qcow2", 0, 4, "QFI\xfb" },
    { "qed", 0, 4, "QED\0" },
    { "vmdk", 0, 4, "KDMV" },
    { "vmdk", 0, 4, "COWD" },
    { "vhdx", 0, 8, "vhdxfile" },
    { "vpc", 0, 8, "conectix" },
    { "vdi", 64, 4, "\x7f\x10\xda\xbe" },
    { "luks", 0, 6, "LUKS\xba\xbe" },
    { "parallels", 0, 16, "WithoutFreeSpace" },
    { "parallels", 0, 16, "WithouFreSpacExt" },
    { "bochs", 0, 23, "Bochs Virtual HD Image\0" },
};

const char *probe_format(const uint8_t *head, size_t length)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(magics); i++) {
        const Magic *m = &magics[i];
        if (m->offset + m->length <= length && !memcmp(head + m->offset, m->bytes, m->length)) {
            return m->format;
        }
    }
    return NULL;
}

const char *probe_node(BlockNode *node)
{
    uint8_t head[PROBE_SIZE] = { 0 };
    size_t length = MIN(block_node_length(node), PROBE_SIZE);
    return block_node_read_sync(node, 0, head, length) == 0 ? probe_format(head, length) : NULL;
}

bool probe_write_allowed(const BlockRequest *req)
{
    uint8_t head[SECTOR_SIZE];
    return !probe_format(head, iov_to_buf(req->iov, req->iovcnt, 0, head, sizeof(head)));
}
