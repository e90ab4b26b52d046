/*
 * Moving a machine: what the command line and the monitors call. Everything here is called in the main loop, under the
 * big lock, and returns at once: bytes go out and come in on a thread of their own, so that a slow peer blocks nobody.
 *
 * Where a stream goes to or comes from:
 *
 *     exec:COMMAND           its standard input or output
 *     file:PATH[,offset=N]   saving writes beside it and renames: the file is whole or as it was
 *     unix:PATH  tcp:HOST:PORT
 *     fd:NAME                of getfd, or a number
 *
 * or, as JSON ("channels", one of type "main"), {"transport": "exec"|"file"|"socket", …} as QMP has it.
 */
#ifndef MIGRATION_MIGRATION_H
#define MIGRATION_MIGRATION_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/json.h"

/* Start-up, in this order: before machine_create() (-global migration.x=… comes earlier), and after machine_done(). */
bool migration_init(GError **error);
bool migration_machine_done(GError **error);
/* -only-migratable: devices and features that can't move are refused. */
void migration_set_only_migratable(void);
bool migration_only_migratable(void);
/* -uuid, which the stream may carry. */
void migration_set_uuid(const uint8_t uuid[16]);
/* -S, and `cont` or `stop` while a machine comes in: whether it runs when it is there. True at start. */
void migration_set_autostart(bool on);

/* Set by the monitor: takes the descriptor that getfd named out of its keeping; -1 with an error if there is none. */
extern int (*migration_take_fd)(const char *name, GError **error);

/* QMP migrate: exactly one of uri and channels. */
bool migration_start(const char *uri, const Json *channels, bool block, bool incremental, bool resume, GError **error);
void migration_cancel(void);                                    /* migrate_cancel */
/* At the end of the program: gives up what runs, and waits until it has left nothing half-done. */
void migration_shutdown(void);
bool migration_pause(GError **error);                           /* migrate-pause */
bool migration_continue(const char *state, GError **error);     /* migrate-continue, of pre-switchover */
bool migration_recover(const char *uri, GError **error);        /* migrate-recover */
bool migration_start_postcopy(GError **error);                  /* migrate-start-postcopy */
Json *migration_query(void);                                    /* query-migrate */
void migration_query_print(GString *out);                       /* info migrate */
/* Between setup and an end; for `migrate` without -d. */
bool migration_is_active(void);
/* Between setup and an end, or a device state being written: what must not change the machine asks this. */
bool migration_is_idle(void);

/* -incoming: checks the address and remembers it ("defer": migrate-incoming will give it). Run state: inmigrate. */
bool migration_incoming_prepare(const char *uri_or_json, GError **error);
/* After machine_done(): begins, unless it was "defer". */
bool migration_incoming_begin(GError **error);
/* QMP migrate-incoming. exit_on_error: a failed load ends the program with status 1; else it can be tried again. */
bool migration_incoming(const char *uri, const Json *channels, bool exit_on_error, GError **error);

/* migrate-set-parameters, query-migrate-parameters, migrate-set-capabilities, query-migrate-capabilities. */
bool migration_set_parameters(const Json *parameters, GError **error);
Json *migration_query_parameters(void);
bool migration_set_capabilities(const Json *list, GError **error);
Json *migration_query_capabilities(void);
/* HMP: migrate_set_parameter and migrate_set_capability, info migrate_parameters and migrate_capabilities. */
bool migration_set_parameter_text(const char *name, const char *value, GError **error);
bool migration_set_capability_text(const char *name, bool on, GError **error);
void migration_print_parameters(GString *out);
void migration_print_capabilities(GString *out);
/* Names, NULL-terminated, for completion. */
const char *const *migration_parameter_names(void);
const char *const *migration_capability_names(void);

/*
 * savevm, loadvm, delvm, info snapshots: named states in a directory, each a file NAME.qevm. Done when they return; the
 * machine runs on as it did. NULL as a name: one made of the time.
 */
bool snapshot_save(const char *name, GError **error);
bool snapshot_load(const char *name, GError **error);
bool snapshot_delete(const char *name, GError **error);
void snapshot_print(GString *out);
/* -loadvm. */
bool snapshot_load_at_start(const char *name, GError **error);

/* -dump-vmstate: what each device type of this release would save, as JSON. */
bool migration_dump_vmstate(const char *path, GError **error);

/*
 * The trail: where this machine has been since power-on, and which overrides it had to carry. As the ledger has it.
 * Power-off forgets it; a reset does not.
 */
Json *migration_query_trail(void);

#endif
