/* A whole small machine in the test's own process: a q35 board of 1 MiB with a root port and a disk, its stream, and loads. */
#ifndef TESTS_LIB_WHOLE_MACHINE_H
#define TESTS_LIB_WHOLE_MACHINE_H

#include <string.h>

#include "accel/accel.h"
#include "block/block.h"
#include "hw/core/compat.h"
#include "hw/core/machine.h"
#include "migration/drift.h"
#include "migration/migration.h"
#include "migration/savevm.h"
#include "migration/state.h"
#include "system/main-loop.h"
#include "system/memory.h"
#include "util/error.h"

static inline Json *whole_machine_json(const char *text)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    GError *error = NULL;
    Json *json = json_parse(quoted, -1, &error);

    g_assert_no_error(error);
    return json;
}

static inline void whole_machine_add(const char *device)
{
    g_autoptr(Json) opts = whole_machine_json(device);
    GError *error = NULL;

    device_add(opts, true, &error);
    g_assert_no_error(error);
}

static inline void whole_machine_make(const char *type)
{
    g_autoptr(Json) options = whole_machine_json("{'memory': {'size': '1M'}}");
    g_autoptr(Json) disk = whole_machine_json("{'driver': 'null-co', 'node-name': 'd0', 'size': 1048576}");
    GError *error = NULL;

    json_set(options, "type", json_new_string(type));
    main_loop_init();
    compat_install(release);
    memory_init();
    accel_use("qtest", NULL, &error);
    g_assert_no_error(error);
    migration_init(&error);
    g_assert_no_error(error);
    machine_create(options, &error);
    g_assert_no_error(error);
    blockdev_add(disk, true, &error);
    g_assert_no_error(error);
    machine_init(current_machine, &error);
    g_assert_no_error(error);
    whole_machine_add("{'driver': 'pcie-root-port', 'id': 'rp0', 'chassis': 1, 'addr': '1.0'}");
    whole_machine_add("{'driver': 'virtio-blk-pci', 'id': 'blk0', 'drive': 'd0', 'bus': 'rp0'}");
    machine_done(current_machine, &error);
    g_assert_no_error(error);
    migration_machine_done(&error);
    g_assert_no_error(error);
}

static inline GByteArray *whole_machine_save(void)
{
    Stream *s = stream_new_memory(NULL, 0);
    GError *error = NULL;
    GByteArray *bytes;

    global_state_store();
    savevm_machine(s, &error);
    g_assert_no_error(error);
    bytes = stream_memory_take(s);
    stream_close(s, true, NULL);
    return bytes;
}

/* As the incoming side does it: what is refused leaves a machine that is reset. NULL if it was taken; caller frees. */
static inline char *whole_machine_load(const uint8_t *bytes, size_t length)
{
    Stream *s = stream_new_memory(length ? (const char *)bytes : "", length);
    g_autoptr(Json) ledger = NULL;
    GError *error = NULL;
    char *message = NULL;

    if (loadvm_machine(s, &ledger, &error) && drift_allows(s, ledger, &error)) {
        loadvm_commit();
    } else {
        message = g_strdup(error->message);
        g_error_free(error);
        loadvm_undo();
        reset_machine();
    }
    stream_close(s, false, NULL);
    return message;
}

#endif
