/* snapshot=on: writes go to a temporary file, and the image is never changed. */
#ifndef BLOCK_OVERLAY_H
#define BLOCK_OVERLAY_H

#include "block/block-int.h"

/* A node over `base` (whose reference it takes, also when it fails), named `name` or a generated name. */
BlockNode *overlay_new(BlockNode *base, const char *name, bool read_only, GError **error);

#endif
