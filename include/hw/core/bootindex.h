/*
 * The order in which firmware tries devices: those that the user gave a "bootindex", the lowest first. Each number is
 * given once.
 */
#ifndef HW_CORE_BOOTINDEX_H
#define HW_CORE_BOOTINDEX_H

#include "qom/property.h"

/* An int32_t field that is -1 for a device that is not in the order. */
extern const PropertyKind prop_kind_bootindex;

#define DEFINE_PROP_BOOTINDEX(t, f) DEFINE_PROP("bootindex", prop_kind_bootindex, t, f, -1)

/* Calls fn for each device that is in the order, in order. */
void bootindex_foreach(void (*fn)(int32_t index, Object *obj, void *opaque), void *opaque);

#endif
