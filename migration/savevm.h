/*
 * A whole machine, written and read: the frame of the stream around what the registry holds. The phases of writing are
 * apart because they run in different threads: setup, iterate and complete may wait for the peer, and hold no lock;
 * devices runs under the big lock, in the main loop, and into memory.
 */
#ifndef MIGRATION_SAVEVM_H
#define MIGRATION_SAVEVM_H

#include "migration/register.h"
#include "util/json.h"

enum {
    STREAM_MAGIC = 0x5145564d,      /* "QEVM" */
    STREAM_VERSION = 3,
    ELEMENT_EOF = 0,
    ELEMENT_SECTION_START = 1,
    ELEMENT_SECTION_PART = 2,
    ELEMENT_SECTION_END = 3,
    ELEMENT_SECTION_FULL = 4,
    ELEMENT_SUBSECTION = 5,
    ELEMENT_VMDESCRIPTION = 6,
    ELEMENT_CONFIGURATION = 7,
    ELEMENT_COMMAND = 8,
    ELEMENT_FOOTER = 0x7e,
};

/* Refuses if something can't move: a device whose state can't be saved, a blocker. */
bool savevm_allowed(GError **error);
/* Under the big lock, first of all; savevm_cleanup() ends it, on every path. */
bool savevm_prepare(GError **error);
/* Magic, version, configuration section. */
bool savevm_header(Stream *s, GError **error);
bool savevm_setup(Stream *s, GError **error);
/* One PART per section that comes in parts. *done: all of them have said so. */
bool savevm_iterate(Stream *s, bool *done, GError **error);
uint64_t savevm_pending(bool exact);
bool savevm_complete(Stream *s, GError **error);
/* The FULL sections into `s`, and the description of it all, the ledger included, into json (NULL: none is wanted). */
bool savevm_devices(Stream *s, GString *json, GError **error);
/* EOF and the description. */
void savevm_end(Stream *s, const GString *json);
void savevm_cleanup(void);
/* All of it to s, the guest being stopped: a snapshot. */
bool savevm_machine(Stream *s, GError **error);

/*
 * Reads a machine. Device sections are loaded under the big lock, which is taken if it isn't held. An error's message is
 * QEMU's lines but the last ("load of migration failed: …"), which is made of its errno; stream_notes() explains.
 * *ledger is what the stream's vmdesc says under "godwit"; NULL: nothing.
 * Afterwards one of these, under the big lock: loadvm_undo() puts back what can't be reset (RAM, sizes of blocks).
 */
bool loadvm_machine(Stream *s, Json **ledger, GError **error);
void loadvm_undo(void);
void loadvm_commit(void);

/* The configuration section's description and struct. */
bool configuration_save(Stream *s, GError **error);
bool configuration_load(Stream *s, GError **error);

#endif
