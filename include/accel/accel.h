/*
 * Accelerators: what executes the guest's instructions, as object types "NAME-accel" that -accel chooses from. `tcg` is
 * the one that runs guests, `qtest` leaves time and the CPU to a test.
 */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include "qom/property.h"

#define TYPE_ACCEL "accel"

/* "tcg" with its properties, texts as -accel has them ("accel" and "id" are left out). Refused: "invalid accelerator x". */
bool accel_use(const char *name, const Json *properties, GError **error);
/* Whether accel_use() failed since there is no such accelerator; else a property was wrong. */
bool accel_is_known(const char *name);
/* It is chosen: CPUs that are made from now on have only features that it can execute. */
void accel_prepare(void);
/*
 * The machine is made: from now on CPUs execute whenever it runs, unless they are a test's. icount: -icount's options,
 * checked, or NULL.
 */
void accel_start(const Json *icount);
/* `-accel help`: the names, one a line. */
void accel_help(GString *out);

#endif
