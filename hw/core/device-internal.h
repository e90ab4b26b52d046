/* What the files of the device core share. */
#ifndef HW_CORE_DEVICE_INTERNAL_H
#define HW_CORE_DEVICE_INTERNAL_H

#include "hw/core/device.h"

/* /machine/NAME, a container. */
Object *machine_container(const char *name);

/* By id or absolute path, whatever it is. */
Object *device_find_object(const char *id);
/* Fails if a -global did not fit. */
bool device_check_init(const DeviceState *dev, GError **error);

/* The first bus of that name whose parent is realized; NULL if there is none. */
BusState *bus_by_name(const char *name);
/* Checks and adds; nothing happens if it is there already. */
bool bus_attach(BusState *bus, DeviceState *dev, GError **error);
void bus_detach(DeviceState *dev);
/* With a reference each, so that the tree may change while it is walked. */
GPtrArray *bus_devices(const BusState *bus);
GPtrArray *device_buses(const DeviceState *dev);

/* Takes an unrealized device, and what is below it, out of bus and tree; tells about it. */
void device_leave(DeviceState *dev);
void device_free_irqs(DeviceState *dev);
/* Calls fn with the name of each set of lines and their numbers. */
void device_foreach_irqs(DeviceState *dev, void (*fn)(const char *name, int in, int out, void *opaque), void *opaque);

#endif
