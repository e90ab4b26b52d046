#include "ui/keys.h"

#include <stddef.h>
#include <string.h>

const char *const ui_key_names[KEYS + 1] = {
    [KEY_UNMAPPED] = "unmapped",
#define X(ident, name, number) [KEY_##ident] = name,
    UI_KEYS(X)
#undef X
};

static const uint8_t numbers[KEYS] = {
#define X(ident, name, number) [KEY_##ident] = number,
    UI_KEYS(X)
#undef X
};

#define PRINT_WITH_PREFIX 0xb7      /* the same key as 0x54 */

UiKey ui_key_by_name(const char *name)
{
    UiKey key = 0;

    while (key < KEYS && strcmp(ui_key_names[key], name) != 0) {
        key++;
    }
    return key;
}

UiKey ui_key_by_number(int64_t number)
{
    if (number == PRINT_WITH_PREFIX) {
        return KEY_PRINT;
    }
    for (UiKey key = KEY_UNMAPPED + 1; key < KEYS; key++) {
        if (numbers[key] == number) {
            return key;
        }
    }
    return KEY_UNMAPPED;
}
