/* The property of a device that names its character device. */
#ifndef HW_CORE_PROP_CHARDEV_H
#define HW_CORE_PROP_CHARDEV_H

#include "chardev/chardev.h"
#include "qom/property.h"

/*
 * A Chardev * field, NULL without one. Setting it refuses one that does not exist or has a front end already; the device
 * attaches itself at realize.
 */
extern const PropertyKind prop_kind_chardev;
#define DEFINE_PROP_CHARDEV(n, t, f, ...) DEFINE_PROP(n, prop_kind_chardev, t, f, 0, .no_default = true, ##__VA_ARGS__)

#endif
