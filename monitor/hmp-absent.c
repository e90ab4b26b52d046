/* HMP: of what does not exist here, as a machine without it answers. */
#include <string.h>

#include "monitor/hmp.h"
#include "monitor/qmp.h"

#define SAYS(fn, text)                                                                                      \
    static void fn(Monitor *mon, const Json *args, GError **error)                                          \
    {                                                                                                       \
        monitor_puts(mon, text);                                                                            \
    }
SAYS(says_nothing, "")
SAYS(info_block_jobs, "No active jobs\n")
SAYS(info_dump, "Status: none\n")
SAYS(info_numa, "0 nodes\n")
SAYS(info_replay, "Record/replay is not active\n")
SAYS(info_sev, "SEV is not enabled\n")
SAYS(info_sgx, "No EPC regions defined, SGX not available\n")
SAYS(info_spice, "Server: disabled\n")
SAYS(info_vnc, "None\n")
SAYS(info_vcpu_dirty_limit, "Dirty page limit not enabled!\n")
SAYS(info_usbhost, "Command \"info usbhost\" is not available.\n")
SAYS(info_dirty_rate, "Status: unstarted\nStart Time: 0 (ms)\nSample Pages: 0 (per GB)\nPeriod: 0 (sec)\n"
                      "Mode: page-sampling\nDirty rate: (not ready)\n")
#define RULE "-------------------------------------------------------------------------------\n"
SAYS(info_sync_profile, "Type               Object  Call site  Wait Time (s)         Count  Average (us)\n" RULE RULE)

static void info_usb(Monitor *mon, const Json *args, GError **error)
{
    error_setf(error, "USB support not enabled");
}

/* A query that has nothing but an error to give. */
static void info_balloon(Monitor *mon, const Json *args, GError **error)
{
    json_unref(qmp_run("query-balloon", NULL, NULL, error));
}

static void info_vm_generation_id(Monitor *mon, const Json *args, GError **error)
{
    json_unref(qmp_run("query-vm-generation-id", NULL, NULL, error));
}

static void info_rocker(Monitor *mon, const Json *args, GError **error)
{
    error_setf(error, "rocker %s not found", json_member_string(args, "name", ""));
}

static void info_stats(Monitor *mon, const Json *args, GError **error)
{
    const char *target = json_member_string(args, "target", "");

    if (strcmp(target, "vm") != 0 && strcmp(target, "vcpu") != 0) {
        monitor_printf(mon, "invalid stats target %s\n", target);
    }
}

static const HmpCommand commands[] = {
    { "balloon", NULL, NULL, "show balloon information", info_balloon },
    { "block-jobs", NULL, NULL, "show progress of ongoing block device operations", info_block_jobs },
    { "capture", NULL, NULL, "show capture information", says_nothing },
    { "dirty_rate", NULL, NULL, "show dirty rate information", info_dirty_rate },
    { "dump", NULL, NULL, "Display the latest dump status", info_dump },
    { "memory-devices", NULL, NULL, "show memory devices", says_nothing },
    { "network", NULL, NULL, "show the network state", says_nothing },
    { "numa", NULL, NULL, "show NUMA information", info_numa },
    { "rdma", NULL, NULL, "show RDMA state", says_nothing },
    { "replay", NULL, NULL, "show record/replay information", info_replay },
    { "rocker", "name:s", "name", "Show rocker switch", info_rocker },
    { "rocker-of-dpa-flows", "name:s tbl_id:i?", "name [tbl_id]", "Show rocker OF-DPA flow tables", info_rocker },
    { "rocker-of-dpa-groups", "name:s type:i?", "name [type]", "Show rocker OF-DPA groups", info_rocker },
    { "rocker-ports", "name:s", "name", "Show rocker ports", info_rocker },
    { "sev", NULL, NULL, "show SEV information", info_sev },
    { "sgx", NULL, NULL, "show intel SGX information", info_sgx },
    { "spice", NULL, NULL, "show the spice server status", info_spice },
    { "stats", "target:s names:s? provider:s?", "target [names] [provider]",
      "show statistics for the given target (vm or vcpu); optionally filter byname (comma-separated list, or * "
      "for all) and provider",
      info_stats },
    { "sync-profile", "mean:- no_coalesce:- max:i?", "[-m] [-n] [max]",
      "show synchronization profiling info, up to max entries (default: 10), sorted by total wait time. "
      "(-m: sort by mean wait time; -n: do not coalesce objects with the same call site)", info_sync_profile },
    { "tpm", NULL, NULL, "show the TPM device", says_nothing },
    { "usb", NULL, NULL, "show guest USB devices", info_usb },
    { "usbhost", NULL, NULL, "show host USB devices", info_usbhost },
    { "usernet", NULL, NULL, "show user network stack connection states", says_nothing },
    { "vcpu_dirty_limit", NULL, NULL, "show dirty page limit information of all vCPU", info_vcpu_dirty_limit },
    { "vm-generation-id", NULL, NULL, "Show Virtual Machine Generation ID", info_vm_generation_id },
    { "vnc", NULL, NULL, "show the vnc server status", info_vnc },
};
HMP_INFO(commands)
