/* Recognising image formats that are not raw, so that one is not taken for raw. */
#ifndef BLOCK_PROBE_H
#define BLOCK_PROBE_H

#include "block/block-int.h"

#define PROBE_SIZE 2048

/* "qcow2", "vmdk", …, or NULL: nothing known. */
const char *probe_format(const uint8_t *head, size_t length);
/* … of a node's data. */
const char *probe_node(BlockNode *node);
/* Whether a write to sector 0 of an image whose format was guessed leaves it a raw one. */
bool probe_write_allowed(const BlockRequest *req);

#endif
