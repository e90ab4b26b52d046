/* SMART (ACS 7.48), for those who ask: a drive in good health. */
#include <string.h>

#include "hw/ide/ide.h"

enum {
    READ_DATA = 0xd0, READ_THRESHOLDS = 0xd1, ATTRIBUTE_AUTOSAVE = 0xd2, EXECUTE_OFFLINE = 0xd4, READ_LOG = 0xd5,
    ENABLE = 0xd8, DISABLE = 0xd9, RETURN_STATUS = 0xda,
};
enum { KEY_LCYL = 0x4f, KEY_HCYL = 0xc2, AUTOSAVE_ON = 0xf1, ATTRIBUTE_SIZE = 12, CHECKSUM = SECTOR_SIZE - 1 };
enum { LOG_ERRORS = 1, LOG_SELF_TESTS = 6, SELF_TEST_SIZE = 24, SELF_TEST_COUNT_AT = 508 };

static const struct {
    uint8_t id, flags, value, worst, raw[4], threshold;
} attributes[] = {
    { 0x01, 0x03, 0x64, 0x64, { 0 }, 0x06 },            /* read errors */
    { 0x03, 0x03, 0x64, 0x64, { 0x10 }, 0x00 },         /* spin-up time */
    { 0x04, 0x02, 0x64, 0x64, { 0x64 }, 0x14 },         /* starts and stops */
    { 0x05, 0x03, 0x64, 0x64, { 0 }, 0x24 },            /* reallocated sectors */
    { 0x09, 0x03, 0x64, 0x64, { 1 }, 0x00 },            /* hours with power on */
    { 0x0c, 0x03, 0x64, 0x64, { 0 }, 0x00 },            /* power cycles */
    { 0xbe, 0x03, 0x45, 0x45, { 0x1f, 0, 0x1f, 0x1f }, 0x32 },  /* degrees of the air */
};

static void set_checksum(uint8_t *page)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < CHECKSUM; i++) {
        sum += page[i];
    }
    page[CHECKSUM] = -sum;
}

static void send_page(IDEState *s)
{
    set_checksum(s->io_buffer);
    ide_pio(s, SECTOR_SIZE, true, PIO_STOP);
}

static bool read_data(IDEState *s)
{
    uint8_t *page = s->io_buffer;

    memset(page, 0, SECTOR_SIZE);
    page[0] = 1;
    for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
        uint8_t *at = page + 2 + ATTRIBUTE_SIZE * i;

        at[0] = attributes[i].id;
        at[1] = attributes[i].flags;
        at[3] = attributes[i].value;
        at[4] = attributes[i].worst;
        memcpy(at + 5, attributes[i].raw, sizeof(attributes[i].raw));
    }
    page[362] = 0x02 | (s->smart_autosave_off ? 0 : 0x80);  /* off-line collection was done */
    page[364] = 0x20;                                   /* … in 288 s */
    page[365] = 0x01;
    page[367] = 1 << 4 | 1 << 3 | 1;                    /* off-line capabilities */
    page[368] = 0x03;                                   /* SMART capabilities */
    page[370] = 0x01;                                   /* error log */
    page[372] = 0x02;                                   /* minutes of the self-tests */
    page[373] = 0x36;
    page[374] = 0x01;
    send_page(s);
    return true;
}

static bool read_thresholds(IDEState *s)
{
    uint8_t *page = s->io_buffer;

    memset(page, 0, SECTOR_SIZE);
    page[0] = 1;
    for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
        page[2 + ATTRIBUTE_SIZE * i] = attributes[i].id;
        page[3 + ATTRIBUTE_SIZE * i] = attributes[i].threshold;
    }
    send_page(s);
    return true;
}

static bool read_log(IDEState *s)
{
    uint8_t *page = s->io_buffer;

    if (s->sector != LOG_ERRORS && s->sector != LOG_SELF_TESTS) {
        return false;
    }
    memset(page, 0, SECTOR_SIZE);
    page[0] = 1;
    if (s->sector == LOG_SELF_TESTS) {
        for (unsigned i = 0; i < IDE_SELF_TESTS; i++) {
            if (s->self_tests[i].hours) {
                uint8_t *at = page + 2 + SELF_TEST_SIZE * i;

                at[0] = s->self_tests[i].kind;
                at[2] = s->self_tests[i].hours;
                at[3] = s->self_tests[i].hours >> 8;
            }
        }
        page[SELF_TEST_COUNT_AT] = s->self_test_count;
    }
    send_page(s);
    return true;
}

/* It is over at once, and went well. */
static bool self_test(IDEState *s)
{
    if (s->sector > 2) {
        return false;
    }
    s->self_test_count = s->self_test_count % IDE_SELF_TESTS + 1;
    s->self_tests[s->self_test_count - 1].kind = s->sector;
    s->self_tests[s->self_test_count - 1].hours = 0x1234;
    return true;
}

bool ide_smart(IDEState *s)
{
    if (s->hcyl != KEY_HCYL || s->lcyl != KEY_LCYL || (s->smart_disabled && s->feature != ENABLE)) {
        return false;
    }
    switch (s->feature) {
    case READ_DATA:
        return read_data(s);
    case READ_THRESHOLDS:
        return read_thresholds(s);
    case ATTRIBUTE_AUTOSAVE:
        if (s->sector != 0 && s->sector != AUTOSAVE_ON) {
            return false;
        }
        s->smart_autosave_off = s->sector == 0;
        return true;
    case EXECUTE_OFFLINE:
        return self_test(s);
    case READ_LOG:
        return read_log(s);
    case ENABLE:
    case DISABLE:
        s->smart_disabled = s->feature == DISABLE;
        return true;
    case RETURN_STATUS:
        return true; /* no threshold was exceeded: the registers stay */
    default:
        return false;
    }
}
