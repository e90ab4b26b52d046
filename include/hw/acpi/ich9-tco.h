/* The TCO watchdog of the ICH9: a timer in steps of 0.6 s that warns at its first end and resets at its second. */
#ifndef HW_ACPI_ICH9_TCO_H
#define HW_ACPI_ICH9_TCO_H

#include "hw/acpi/ich9.h"

enum {
    ICH9_SMI_EN_APMC_EN = 1 << 5,
    ICH9_SMI_EN_TCO_EN = 1 << 13,
    ICH9_GCS_NO_REBOOT = 1 << 5,    /* of the root complex's General Control and Status */
};

void ich9_tco_init(ICH9PMRegs *pm, Object *owner);  /* makes pm->tco_io, 32 bytes */
void ich9_tco_reset(ICH9PMRegs *pm);

extern const VMStateDescription vmstate_ich9_tco;   /* of an ICH9TCO */

#endif
