/*
 * The register by which a guest says that it crashed: reads tell which events there are, writes tell one. At a port, with
 * firmware told where, or in a PCI function's memory.
 */
#ifndef HW_MISC_PVPANIC_H
#define HW_MISC_PVPANIC_H

#include "system/memory.h"

#define TYPE_PVPANIC_ISA "pvpanic"
#define TYPE_PVPANIC_PCI "pvpanic-pci"

enum { PVPANIC_PANICKED = 0x01, PVPANIC_CRASHLOADED = 0x02 };
#define PVPANIC_EVENTS (PVPANIC_PANICKED | PVPANIC_CRASHLOADED)

typedef struct PVPanic {
    uint8_t events;             /* which are told of; all are taken */
    MemoryRegion io;
} PVPanic;

void pvpanic_init(PVPanic *s, Object *owner, uint64_t size);

#endif
