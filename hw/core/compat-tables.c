/*
 * The rows of the compat history. A table's order is QEMU's: hw_compat_X_Y, then pc_compat_X_Y, newest machine type
 * first. See include/hw/core/compat.h for what the columns mean.
 *
 * Columns: driver, property, old value, changed in, property since.
 */
#include "hw/core/compat-cpu-rows.h"
#include "hw/core/compat.h"

#define ROW(...) { __VA_ARGS__ }
/* The driver does not exist here; the row is kept so that the history is whole. */
#define ABSENT(...) { __VA_ARGS__, .kind = COMPAT_ABSENT_DRIVER }
#define EXISTS(drv, prop, ...) { .driver = drv, .property = prop, .kind = COMPAT_EXISTENCE, __VA_ARGS__ }
#define BEHAVIOUR(drv, prop, old, in, ...) \
    { .driver = drv, .property = prop, .old_value = old, .kind = COMPAT_RELEASE_ONLY, .changed_in = in, __VA_ARGS__ }
#define IN(...) { __VA_ARGS__ }
#define ALWAYS { 0 }
#define REGISTER(...) .reg = &(const CompatRegister){ __VA_ARGS__ }

static const CompatRow hw_compat_8_1[] = {
    ROW("base-pci-bridge", "x-pci-express-writeable-slt-bug", "true", IN(8, 2), IN(8, 2),
        REGISTER("PCI_SEC_LATENCY_TIMER", .offset = 0x1b, .size = 1, .bits = 0xff),
        .note = "the secondary latency timer (config byte 0x1b) of a PCI Express bridge could be written"),
    ABSENT("ramfb", "x-migrate", "off", IN(8, 2), IN(8, 2)),
    ABSENT("vfio-pci-nohotplug", "x-ramfb-migrate", "off", IN(8, 2), IN(8, 2)),
    ABSENT("igb", "x-pcie-flr-init", "off", IN(8, 2), IN(8, 2)),
    ABSENT("virtio-net-device", "host_uso", "off", IN(8, 2), IN(8, 2)),
    ABSENT("virtio-net-device", "guest_uso4", "off", IN(8, 2), IN(8, 2)),
    ABSENT("virtio-net-device", "guest_uso6", "off", IN(8, 2), IN(8, 2)),
};

static const CompatRow hw_compat_8_0[] = {
    ROW("migration", "multifd-flush-after-each-section", "on", IN(8, 1), IN(8, 1)),
    ROW("pci-device", "x-pcie-ari-nextfn-1", "on", IN(8, 1), IN(8, 1),
        REGISTER("PCI_ARI_CAP", 0x0e, true, 0x04, 2, 0xff00),
        .note = "the ARI capability's Next Function Number was 1 in every function, also where there is no function 1"),
};

static const CompatRow pc_compat_8_0[] = {
    ABSENT("virtio-mem", "unplugged-inaccessible", "auto", IN(8, 1), IN(7, 0)),
};

static const CompatRow hw_compat_7_2[] = {
    ABSENT("e1000e", "migrate-timadj", "off", IN(8, 0), IN(8, 0),
           .note = "the time that timers were off by was not part of the state"),
    ABSENT("virtio-mem", "x-early-migration", "false", IN(8, 0), IN(8, 0),
           .note = "the plugged blocks were sent with the device and not before RAM"),
    ROW("migration", "x-preempt-pre-7-2", "true", IN(8, 0), IN(8, 0),
        .note = "the postcopy preempt channel was made early"),
    ROW("pci-device", "x-pcie-err-unc-mask", "off", IN(8, 0), IN(8, 0, 1),
        REGISTER("PCI_ERR_UNCOR_MASK", 0x01, true, 0x08, 4, 0x03fff030),
        .note = "the AER capability had no Uncorrectable Error Mask register: it read as 0 and could not be written"),
};

static const CompatRow pc_compat_7_2[] = {
    ROW("ICH9-LPC", "noreboot", "true", IN(8, 0), ALWAYS,
        .note = "the TCO watchdog did not reboot unless the guest cleared No Reboot in GCS"),
};

static const CompatRow hw_compat_7_1[] = {
    ROW("virtio-device", "queue_reset", "false", IN(7, 2), IN(7, 2),
        .note = "VIRTIO_F_RING_RESET was not offered"),
    ROW("virtio-rng-pci", "vectors", "0", IN(7, 2), IN(7, 2), .note = "no MSI-X"),
    ROW("virtio-rng-pci-transitional", "vectors", "0", IN(7, 2), IN(7, 2), .note = "no MSI-X"),
    ROW("virtio-rng-pci-non-transitional", "vectors", "0", IN(7, 2), IN(7, 2), .note = "no MSI-X"),
};

static const CompatRow hw_compat_7_0[] = {
    ABSENT("arm-gicv3-common", "force-8-bit-prio", "on", IN(7, 1), IN(7, 1)),
    ABSENT("nvme-ns", "eui64-default", "on", IN(7, 1), IN(6, 1)),
};

static const CompatRow hw_compat_6_2[] = {
    ABSENT("PIIX4_PM", "x-not-migrate-acpi-index", "on", IN(7, 0), IN(7, 0)),
};

static const CompatRow pc_compat_6_2[] = {
    ABSENT("virtio-mem", "unplugged-inaccessible", "off", IN(7, 0), IN(7, 0)),
};

static const CompatRow hw_compat_6_1[] = {
    ABSENT("vhost-user-vsock-device", "seqpacket", "off", IN(6, 2), IN(6, 2)),
    ABSENT("nvme-ns", "shared", "off", IN(6, 2), IN(6, 2)),
};

static const CompatRow pc_compat_6_1[] = {
    ROW("x86_64-cpu", "hv-version-id-build", "0x1bbc", IN(6, 2), IN(6, 2)),
    ROW("x86_64-cpu", "hv-version-id-major", "0x0006", IN(6, 2), IN(6, 2)),
    ROW("x86_64-cpu", "hv-version-id-minor", "0x0001", IN(6, 2), IN(6, 2)),
    ROW("ICH9-LPC", "x-keep-pci-slot-hpc", "false", IN(6, 2), IN(6, 2),
        REGISTER("PCI_EXP_SLTCAP", 0x10, false, 0x14, 4, 0x60, "pcie-slot"),
        .note = "Hot-Plug Capable was taken out of Slot Capabilities where ACPI does the hot plug"),
};

static const CompatRow hw_compat_6_0[] = {
    ABSENT("gpex-pcihost", "allow-unmapped-accesses", "false", IN(6, 1), IN(6, 1)),
    ROW("i8042", "extended-state", "false", IN(6, 1), IN(6, 1),
        .note = "the bytes that wait in the keyboard controller were not part of the state"),
    ABSENT("nvme-ns", "eui64-default", "off", IN(6, 1), IN(6, 1)),
    ABSENT("e1000", "init-vet", "off", IN(6, 1), IN(6, 1)),
    ABSENT("e1000e", "init-vet", "off", IN(6, 1), IN(6, 1)),
    ABSENT("vhost-vsock-device", "seqpacket", "off", IN(6, 1), IN(6, 1)),
};

static const CompatRow pc_compat_6_0[] = {
    ROW("qemu64-x86_64-cpu", "family", "6", IN(6, 1), ALWAYS, .note = "CPUID said family 6"),
    ROW("qemu64-x86_64-cpu", "model", "6", IN(6, 1), ALWAYS, .note = "CPUID said model 6"),
    ROW("qemu64-x86_64-cpu", "stepping", "3", IN(6, 1), ALWAYS, .note = "CPUID said stepping 3"),
    ROW("x86_64-cpu", "x-vendor-cpuid-only", "off", IN(6, 1), IN(6, 1),
        .note = "CPUID leaves of the other vendor were filled in"),
    ROW("ICH9-LPC", "acpi-pci-hotplug-with-bridge-support", "off", IN(6, 1), IN(6, 1),
        REGISTER("PCI_EXP_SLTSTA", 0x10, false, 0x1a, 2, 0x40, "pcie-slot"),
        .note = "PCI hot plug was the slots' own and not ACPI's"),
    /* 6.1 cleared the bit with no way to keep it; the property came with 6.2, whose machine type keeps it again. */
    ROW("ICH9-LPC", "x-keep-pci-slot-hpc", "true", IN(6, 1), IN(6, 2),
        .note = "Hot-Plug Capable stayed in Slot Capabilities"),
};

static const CompatRow hw_compat_5_2[] = {
    ROW("ICH9-LPC", "smm-compat", "on", IN(6, 0), IN(6, 0),
        .note = "the power management section always said that SMM is on"),
    ABSENT("PIIX4_PM", "smm-compat", "on", IN(6, 0), IN(6, 0)),
    ROW("virtio-blk-device", "report-discard-granularity", "off", IN(6, 0), IN(6, 0),
        .note = "discard_sector_alignment was 1 whatever the disk's discard granularity"),
    ABSENT("virtio-net-pci-base", "vectors", "3", IN(6, 0), ALWAYS),
    ABSENT("nvme", "msix-exclusive-bar", "on", IN(6, 0), IN(6, 0)),
};

static const CompatRow pc_compat_5_2[] = {
    ROW("ICH9-LPC", "x-smi-cpu-hotunplug", "off", IN(6, 0), IN(5, 2),
        .note = "firmware was not offered an SMI at CPU hot unplug"),
};

static const CompatRow hw_compat_5_1[] = {
    ABSENT("vhost-scsi", "num_queues", "1", IN(5, 2), ALWAYS),
    ABSENT("vhost-user-blk", "num-queues", "1", IN(5, 2), ALWAYS),
    ABSENT("vhost-user-scsi", "num_queues", "1", IN(5, 2), ALWAYS),
    ROW("virtio-blk-device", "num-queues", "1", IN(5, 2), ALWAYS,
        REGISTER("PCI_MSIX_FLAGS", 0x11, false, 0x02, 2, 0x07ff, "virtio-pci"),
        .note = "one queue, and not one for each CPU"),
    ABSENT("virtio-scsi-device", "num_queues", "1", IN(5, 2), ALWAYS),
    ABSENT("nvme", "use-intel-id", "on", IN(5, 2), IN(5, 2)),
    ROW("pvpanic", "events", "1", IN(5, 2), ALWAYS, .note = "the crash-loaded event was not offered"),
    ABSENT("pl011", "migrate-clk", "off", IN(5, 2), IN(5, 2)),
    /* Changed without a property, which followed in 6.0. */
    ROW("virtio-pci", "x-ats-page-aligned", "off", IN(5, 2), IN(6, 0),
        REGISTER("PCI_ATS_CAP", 0x0f, true, 0x04, 2, 0x20),
        .note = "the ATS capability did not say that requests are page aligned"),
};

static const CompatRow pc_compat_5_1[] = {
    ROW("ICH9-LPC", "x-smi-cpu-hotplug", "off", IN(5, 2), IN(5, 2),
        .note = "firmware was not offered an SMI at CPU hot plug"),
    ROW("x86_64-cpu", "kvm-msi-ext-dest-id", "off", IN(6, 0), IN(6, 0),
        .note = "KVM's 15-bit MSI destinations were not offered"),
};

/* What a release did whatever the machine type, with no property to undo it. */
static const CompatRow release_behaviour[] = {
    BEHAVIOUR("migration", "x-godwit-old-vmdesc", "on", IN(6, 0),
              .note = "the description of a stream had blanks inside its brackets and before its colons"),
    BEHAVIOUR("pci-device", "x-godwit-aer-msg-devctl", "off", IN(8, 0),
              .note = "an uncorrectable error left a device only with SERR# enabled: "
                      "the enable bits of Device Control did not let any out"),
    BEHAVIOUR("ps2-device", "x-godwit-answers-first", "off", IN(6, 1),
              .note = "a keyboard's or mouse's answers came after what was queued already"),
    BEHAVIOUR("ICH9-LPC", "x-godwit-dma-in-bridge", "off", IN(6, 2),
              .note = "the DMA controllers came after the timers in a stream, and not before the LPC bridge"),
    /* 7.2 has it so and 10.0 the other way; the release between them is the likely one, not a measured one. */
    BEHAVIOUR("ICH9-LPC", "x-godwit-rtc-in-bridge", "off", IN(8, 2),
              .note = "the clock came after the HPET in a stream, and not before the LPC bridge"),
    /* The first differs between 5.2 and 7.2, the second between 7.2 and 10.0: the releases are likely, not measured. */
    BEHAVIOUR("generic-pc-machine", "x-godwit-smbios-threads", "off", IN(7, 2),
              .note = "SMBIOS gave the threads of a core for those of a processor"),
    BEHAVIOUR("generic-pc-machine", "x-godwit-smbios-family-2", "off", IN(8, 1),
              .note = "SMBIOS said \"other\" of a processor's family, and not that it is in the second field"),
    BEHAVIOUR("x86_64-cpu", "x-godwit-reset-vgif", "off", IN(6, 2),
              .note = "the virtual global interrupt flag was clear at reset"),
    BEHAVIOUR("x86_64-cpu", "x-godwit-tcg-before-avx", "on", IN(7, 2),
              .note = "the emulator had no AVX, AVX2, F16C, FMA, VAES, UMIP and PKS"),
    ROW("max-x86_64-cpu", "family", "6", IN(6, 1), ALWAYS, .note = "CPUID said family 6"),
    ROW("max-x86_64-cpu", "model", "6", IN(6, 1), ALWAYS, .note = "CPUID said model 6"),
    ROW("max-x86_64-cpu", "stepping", "3", IN(6, 1), ALWAYS, .note = "CPUID said stepping 3"),
    /* The next two differ between 5.2 and 7.2; the release between them is not known from a measurement. */
    BEHAVIOUR("pci-device", "x-godwit-lnksta-dllla-always", "on", IN(6, 1),
              .note = "Link Status said Data Link Layer Link Active from the start, also of an empty slot"),
    BEHAVIOUR("pci-device", "x-godwit-slot-power", "off", IN(6, 1),
              .note = "a device in a slot whose power controller was off still answered, and was not let go of "
                      "at once"),
    /* The next four differ between 7.2 and 10.0, and no row of QEMU's explains them: 8.0 stands for the change. */
    BEHAVIOUR("pci-device", "x-godwit-sltsta-pds-checked", "on", IN(8, 0),
              .note = "Presence Detect State had to agree when a state was loaded"),
    BEHAVIOUR("pci-device", "x-godwit-sltctl-reset-pic-on", "on", IN(8, 0),
              .note = "reset left the power indicator of an occupied slot on"),
    BEHAVIOUR("pci-device", "x-godwit-hotplug-off-early", "off", IN(8, 0),
              .note = "the port and not its bus refused a device because of hotplug=off"),
    BEHAVIOUR("pci-device", "x-godwit-port-slot-0", "off", IN(8, 0),
              .note = "a second device could be hot-plugged behind a port, into a slot that no port has"),
};

/* Properties that came (or went) without a default that changed. */
static const CompatRow property_existence[] = {
    EXISTS("machine", "boot", .since = IN(7, 1)),
    EXISTS("machine", "memory", .since = IN(7, 1)),
    EXISTS("machine", "smp", .since = IN(6, 1)),
    EXISTS("machine", "confidential-guest-support", .since = IN(6, 0)),
    EXISTS("generic-pc-machine", "bus-lock-ratelimit", .since = IN(6, 1)),
    EXISTS("generic-pc-machine", "pic", .since = IN(7, 0)),
    EXISTS("generic-pc-machine", "x-oem-id", .since = IN(6, 0)),
    EXISTS("generic-pc-machine", "x-oem-table-id", .since = IN(6, 0)),
    EXISTS("generic-pc-machine", "default-bus-bypass-iommu", .since = IN(6, 1)),
    EXISTS("generic-pc-machine", "i8042", .since = IN(7, 1)),
    EXISTS("generic-pc-machine", "max-fw-size", .since = IN(6, 0)),
    EXISTS("generic-pc-machine", "smbios-entry-point-type", .since = IN(7, 0)),
    EXISTS("pci-device", "acpi-index", .since = IN(6, 0)),
    EXISTS("pci-device", "romsize", .since = IN(6, 0)),
    EXISTS("pcie-slot", "x-native-hotplug", .since = IN(6, 1), .until = IN(8, 0)),
    EXISTS("pcie-slot", "x-do-not-expose-native-hotplug-cap", .since = IN(8, 0)),
    EXISTS("virtio-pci", "aer", .since = IN(6, 1)),
    EXISTS("virtio-rng-pci-base", "ioeventfd", .since = IN(7, 2)),
    EXISTS("virtio-blk-device", "account-invalid", .since = IN(7, 1)),
    EXISTS("virtio-blk-device", "account-failed", .since = IN(7, 1)),
    EXISTS("virtio-blk-device", "backend_defaults", .since = IN(6, 1)),
    EXISTS("ide-device", "account-invalid", .since = IN(7, 1)),
    EXISTS("ide-device", "account-failed", .since = IN(7, 1)),
    EXISTS("ide-device", "backend_defaults", .since = IN(6, 1)),
    EXISTS("q35-pcihost", "bypass-iommu", .since = IN(6, 1)),
    EXISTS("q35-pcihost", "smm-ranges", .since = IN(8, 1)),
    /* The next two are there in 7.2 and gone in 10.0; the release between them is the likely one, not measured. */
    EXISTS("q35-pcihost", "short_root_bus", .until = IN(8, 1)),
    EXISTS("ICH9-LPC", "memory-hotplug-support", .until = IN(8, 0)),
    EXISTS("ICH9-LPC", "smm-enabled", .since = IN(8, 0)),
    EXISTS("mc146818rtc", "iobase", .since = IN(7, 0)),
    EXISTS("mc146818rtc", "irq", .since = IN(7, 0)),
    EXISTS("i8042", "kbd-throttle", .since = IN(6, 1)),
    EXISTS("i8042", "kbd-irq", .since = IN(7, 1)),
    EXISTS("i8042", "mouse-irq", .since = IN(7, 1)),
};

#define TABLE(rows_, ...) { #rows_, { __VA_ARGS__ }, rows_, G_N_ELEMENTS(rows_) }

const CompatTable compat_tables[] = {
    TABLE(hw_compat_8_1, 8, 1), TABLE(hw_compat_8_0, 8, 0), TABLE(pc_compat_8_0, 8, 0),
    TABLE(hw_compat_7_2, 7, 2), TABLE(pc_compat_7_2, 7, 2), TABLE(hw_compat_7_1, 7, 1),
    TABLE(hw_compat_7_0, 7, 0), TABLE(hw_compat_6_2, 6, 2), TABLE(pc_compat_6_2, 6, 2),
    TABLE(hw_compat_6_1, 6, 1), TABLE(pc_compat_6_1, 6, 1), TABLE(hw_compat_6_0, 6, 0),
    TABLE(pc_compat_6_0, 6, 0), TABLE(hw_compat_5_2, 5, 2), TABLE(pc_compat_5_2, 5, 2),
    TABLE(hw_compat_5_1, 5, 1), TABLE(pc_compat_5_1, 5, 1),
    TABLE(release_behaviour), TABLE(property_existence), TABLE(cpu_features),
};
const size_t compat_tables_count = G_N_ELEMENTS(compat_tables);
