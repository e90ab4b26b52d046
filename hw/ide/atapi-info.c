/* Packet commands (MMC 6): what drive and disc are, the tray, and where reads come from. */
#include <string.h>

#include "hw/ide/atapi.h"
#include "util/byteorder.h"

enum { CD_SECTORS_MAX = 80 * 60 * 75 * 2048 / 512 };    /* larger: a DVD */
enum { MSF_OFFSET = 150, FRAMES = 75, LEAD_OUT = 0xaa };

static bool is_cd(const IDEState *s)
{
    return s->sectors <= CD_SECTORS_MAX;
}

static void invalid_field(IDEState *s)
{
    atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
}

static void test_unit_ready(IDEState *s, const uint8_t *packet)
{
    atapi_ok(s);
}

static void request_sense(IDEState *s, const uint8_t *packet)
{
    uint8_t *reply = s->io_buffer;

    memset(reply, 0, 18);
    reply[0] = 0x70 | 1 << 7;
    reply[2] = s->sense_key;
    reply[7] = 10;
    reply[12] = s->asc;
    if (s->sense_key == SENSE_UNIT_ATTENTION) {
        s->sense_key = 0;
    }
    atapi_reply(s, 18, packet[4]);
}

/* ---- The drive ---- */

static void put_padded(uint8_t *at, const char *text, unsigned chars)
{
    size_t length = strnlen(text, chars);

    memset(at, ' ', chars);
    memcpy(at, text, length);
}

static void vital_page(IDEState *s, uint8_t page, uint32_t max)
{
    uint8_t *reply = s->io_buffer;

    reply[0] = 5;
    reply[1] = page;
    switch (page) {
    case 0x00:
        store_be16(reply + 2, 2);
        reply[4] = 0x00;
        reply[5] = 0x83;
        atapi_reply(s, 6, max);
        break;
    case 0x83:
        if (max < 28) {
            atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_DATA_PHASE);
            break;
        }
        store_be16(reply + 2, 24);
        reply[4] = 2;           /* ASCII */
        reply[5] = 0;           /* by the vendor */
        reply[6] = 0;
        reply[7] = 20;
        put_padded(reply + 8, s->dev->serial, 20);
        atapi_reply(s, 28, max);
        break;
    default:
        invalid_field(s);
    }
}

static void inquiry(IDEState *s, const uint8_t *packet)
{
    uint8_t *reply = s->io_buffer;

    if (packet[1] & 1) {
        vital_page(s, packet[2], packet[4]);
        return;
    }
    memset(reply, 0, 36);
    reply[0] = 5;               /* CD-ROM */
    reply[1] = 0x80;            /* removable */
    reply[3] = 0x21;            /* ATAPI */
    reply[4] = 36 - 5;
    put_padded(reply + 8, "QEMU", 8);
    put_padded(reply + 16, "QEMU DVD-ROM", 16);
    put_padded(reply + 32, s->dev->version, 4);
    atapi_reply(s, 36, packet[4]);
}

static void get_configuration(IDEState *s, const uint8_t *packet)
{
    uint8_t *reply = s->io_buffer;
    bool present = atapi_medium_present(s), cd = present && is_cd(s), dvd = present && !is_cd(s);

    if (packet[2] != 0 || packet[3] != 0) {
        invalid_field(s);       /* there is one feature */
        return;
    }
    memset(reply, 0, 20);
    store_be32(reply, 16);
    store_be16(reply + 6, cd ? 0x08 : dvd ? 0x10 : 0);
    reply[10] = 0x03;           /* the profile list: persistent, current */
    reply[11] = 8;
    store_be16(reply + 12, 0x10);   /* DVD-ROM */
    reply[14] = dvd;
    store_be16(reply + 16, 0x08);   /* CD-ROM */
    reply[18] = cd;
    atapi_reply(s, 20, load_be16(packet + 7));
}

static void mode_page(IDEState *s, const uint8_t *page, unsigned size, uint32_t max)
{
    uint8_t *reply = s->io_buffer;

    memset(reply, 0, 8);
    store_be16(reply, size + 6);
    reply[2] = 0x70;            /* no medium type to tell */
    memcpy(reply + 8, page, size);
    atapi_reply(s, size + 8, max);
}

static void mode_sense(IDEState *s, const uint8_t *packet)
{
    static const uint8_t error_recovery[8] = { 0x01, 6, 0, 5 };
    static const uint8_t audio[16] = { 0x0e, 14, [8] = 2, [12] = 2, [14] = 2 };
    uint8_t capabilities[22] = {
        0x2a, 20, 0x3b, 0, 0x71, 0x60, 0x29 | (s->tray_locked ? 2 : 0), 0,
        0x02, 0xc0, 0, 2, 0x02, 0, 0x02, 0xc0,      /* 4x: 704 kB/s; 2 volume levels; 512 kB of buffer */
    };
    enum { CURRENT, CHANGEABLE, DEFAULT, SAVED } control = packet[2] >> 6;
    uint32_t max = load_be16(packet + 7);

    if (control == SAVED) {
        atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_NO_SAVING);
        return;
    }
    switch (control == CURRENT ? packet[2] & 0x3f : 0) {
    case 0x01:
        mode_page(s, error_recovery, sizeof(error_recovery), max);
        break;
    case 0x0e:
        mode_page(s, audio, sizeof(audio), max);
        break;
    case 0x2a:
        mode_page(s, capabilities, sizeof(capabilities), max);
        break;
    default:
        invalid_field(s);
    }
}

static void mechanism_status(IDEState *s, const uint8_t *packet)
{
    memset(s->io_buffer, 0, 8);
    s->io_buffer[5] = 1;        /* slots */
    atapi_reply(s, 8, load_be16(packet + 8));
}

static void set_speed(IDEState *s, const uint8_t *packet)
{
    atapi_ok(s);
}

/* ---- Events and the tray ---- */

static void get_event_status(IDEState *s, const uint8_t *packet)
{
    enum { POLLED = 1, CLASS_MEDIA = 4, NO_EVENT = 0x80, EJECT_REQUESTED = 1, NEW_MEDIA = 2 };
    enum { TRAY_OPEN = 1, PRESENT = 2 };
    uint8_t *reply = s->io_buffer;
    uint32_t max = load_be16(packet + 7);

    if (!(packet[1] & POLLED)) {
        invalid_field(s);
        return;
    }
    memset(reply, 0, 8);
    reply[3] = 1 << CLASS_MEDIA;
    if (!(packet[4] & 1 << CLASS_MEDIA)) {
        reply[2] = NO_EVENT;
        atapi_reply(s, 4, max);
        return;
    }
    store_be16(reply, 4);
    reply[2] = CLASS_MEDIA;
    if (s->tray_open) {
        reply[4] = 0;           /* what happens is told when it is closed */
    } else if (s->event_new_media) {
        reply[4] = NEW_MEDIA;
        s->event_new_media = false;
    } else if (s->event_eject_request) {
        reply[4] = EJECT_REQUESTED;
        s->event_eject_request = false;
    }
    reply[5] = s->tray_open ? TRAY_OPEN : block_backend_has_medium(s->blk) ? PRESENT : 0;
    atapi_reply(s, 8, max);
}

static void start_stop_unit(IDEState *s, const uint8_t *packet)
{
    bool start = packet[4] & 1, load_or_eject = packet[4] & 2;

    if ((packet[4] & 0xf0) || !load_or_eject) {
        atapi_ok(s);            /* power conditions; it always spins */
        return;
    }
    if (!start && !s->tray_open && s->tray_locked) {
        atapi_error(s, block_backend_has_medium(s->blk) ? SENSE_NOT_READY : SENSE_ILLEGAL_REQUEST,
                    ASC_REMOVAL_PREVENTED);
        return;
    }
    if (s->tray_open != !start) {
        s->tray_open = !start;
        block_backend_tray_moved(s->blk, s->tray_open);
    }
    atapi_ok(s);
}

static void prevent_removal(IDEState *s, const uint8_t *packet)
{
    s->tray_locked = packet[4] & 1;
    atapi_ok(s);
}

/* ---- The disc ---- */

static void read_capacity(IDEState *s, const uint8_t *packet)
{
    store_be32(s->io_buffer, atapi_blocks(s) - 1);
    store_be32(s->io_buffer + 4, ATAPI_BLOCK);
    atapi_reply(s, 8, 8);
}

static void put_address(uint8_t *at, bool msf, uint32_t lba)
{
    if (msf) {
        lba += MSF_OFFSET;
        at[0] = 0;
        at[1] = lba / FRAMES / 60;
        at[2] = lba / FRAMES % 60;
        at[3] = lba % FRAMES;
    } else {
        store_be32(at, lba);
    }
}

/* A track's descriptor: data, copying permitted. */
static unsigned put_track(uint8_t *at, uint8_t control, uint8_t track, bool msf, uint32_t lba)
{
    at[0] = 0;
    at[1] = control;
    at[2] = track;
    at[3] = 0;
    put_address(at + 4, msf, lba);
    return 8;
}

static void toc_tracks(IDEState *s, bool msf, uint8_t first, uint32_t max)
{
    uint8_t *reply = s->io_buffer;
    unsigned size = 4;

    if (first > 1 && first != LEAD_OUT) {
        invalid_field(s);
        return;
    }
    reply[2] = reply[3] = 1;
    if (first <= 1) {
        size += put_track(reply + size, 0x14, 1, msf, 0);
    }
    size += put_track(reply + size, 0x16, LEAD_OUT, msf, atapi_blocks(s));
    store_be16(reply, size - 2);
    atapi_reply(s, size, max);
}

static void toc_sessions(IDEState *s, uint32_t max)
{
    memset(s->io_buffer, 0, 12);
    s->io_buffer[1] = 10;
    s->io_buffer[2] = s->io_buffer[3] = 1;
    atapi_reply(s, 12, max);
}

static void toc_raw(IDEState *s, bool msf, uint32_t max)
{
    static const uint8_t points[] = { 0xa0, 0xa1, 0xa2, 1 };  /* first and last track, lead-out, the track */
    uint8_t *reply = s->io_buffer;
    unsigned size = 4 + 11 * G_N_ELEMENTS(points);

    memset(reply, 0, size);
    store_be16(reply, size - 2);
    reply[2] = reply[3] = 1;
    for (unsigned i = 0; i < G_N_ELEMENTS(points); i++) {
        uint8_t *at = reply + 4 + 11 * i;

        at[0] = 1;
        at[1] = 0x14;
        at[3] = points[i];
        if (i < 2) {
            at[8] = 1;
        } else {
            put_address(at + 7, msf, i == 2 ? atapi_blocks(s) : 0);
        }
    }
    atapi_reply(s, size, max);
}

static void read_toc(IDEState *s, const uint8_t *packet)
{
    uint32_t max = load_be16(packet + 7);
    bool msf = packet[1] & 2;

    switch (packet[9] >> 6) {
    case 0:
        toc_tracks(s, msf, packet[6], max);
        break;
    case 1:
        toc_sessions(s, max);
        break;
    case 2:
        toc_raw(s, msf, max);
        break;
    default:
        invalid_field(s);
    }
}

static void read_disc_information(IDEState *s, const uint8_t *packet)
{
    static const uint8_t finished[9] = { 0, 32, 0x0e, 1, 1, 1, 1, 0x20 };  /* one session, one track, for any use */

    if (packet[1] & 7) {
        invalid_field(s);
        return;
    }
    memset(s->io_buffer, 0, 34);
    memcpy(s->io_buffer, finished, sizeof(finished));
    atapi_reply(s, 34, load_be16(packet + 7));
}

static void dvd_format(IDEState *s, uint8_t format, uint32_t max)
{
    static const uint8_t formats[] = { 0x00, 0x40, 8, 4, 0x01, 0x40, 0, 8, 0x03, 0x40, 0, 0xc0, 0x04, 0x40, 8, 4 };
    uint8_t *reply = s->io_buffer;
    uint32_t last = atapi_blocks(s) - 1;

    memset(reply, 0, ATAPI_BLOCK + 4);
    switch (format) {
    case 0x00:                  /* physical format information: DVD-ROM, 120 mm, one layer */
        store_be16(reply, ATAPI_BLOCK + 2);
        reply[4] = 1;
        reply[5] = 0x0f;
        reply[6] = 1;
        store_be32(reply + 12, last);
        store_be32(reply + 16, last);
        atapi_reply(s, ATAPI_BLOCK + 4, max);
        break;
    case 0x01:                  /* copyright: none */
        store_be16(reply, 6);
        atapi_reply(s, 8, max);
        break;
    case 0x04:                  /* manufacturing information: none */
        store_be16(reply, ATAPI_BLOCK + 2);
        atapi_reply(s, ATAPI_BLOCK + 4, max);
        break;
    case 0xff:
        store_be16(reply, sizeof(formats) + 2);
        memcpy(reply + 4, formats, sizeof(formats));
        atapi_reply(s, sizeof(formats) + 4, max);
        break;
    default:
        invalid_field(s);
    }
}

static void read_dvd_structure(IDEState *s, const uint8_t *packet)
{
    uint8_t media = packet[1], format = packet[7];

    if (format != 0xff && is_cd(s)) {
        atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INCOMPATIBLE_FORMAT);
    } else if (media != 0) {
        invalid_field(s);
    } else {
        dvd_format(s, format, load_be16(packet + 8));
    }
}

static void seek(IDEState *s, const uint8_t *packet)
{
    if (load_be32(packet + 2) >= atapi_blocks(s)) {
        atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_BLOCK_OUT_OF_RANGE);
    } else {
        atapi_ok(s);
    }
}

/* ---- Reads ---- */

static void read_10(IDEState *s, const uint8_t *packet)
{
    atapi_read(s, load_be32(packet + 2), load_be16(packet + 7), ATAPI_BLOCK);
}

static void read_12(IDEState *s, const uint8_t *packet)
{
    atapi_read(s, load_be32(packet + 2), load_be32(packet + 6), ATAPI_BLOCK);
}

static void read_cd(IDEState *s, const uint8_t *packet)
{
    enum { NOTHING = 0, DATA = 0x10, ALL = 0xf8 };
    uint32_t lba = load_be32(packet + 2), blocks = packet[6] << 16 | load_be16(packet + 7);
    uint8_t parts = packet[9] & 0xf8;

    if (blocks == 0) {
        atapi_ok(s);
        return;
    }
    if (!atapi_check_range(s, lba, blocks)) {
        return;
    }
    if (parts == NOTHING) {
        atapi_ok(s);
    } else if (!atapi_takes_data(s)) {
        s->nsector = 1;
        ide_abort(s);
        ide_done(s);
    } else if (parts == DATA || parts == ALL) {
        atapi_read(s, lba, blocks, parts == DATA ? ATAPI_BLOCK : ATAPI_RAW_BLOCK);
    } else {
        invalid_field(s);
    }
}

const AtapiCommand *atapi_command(uint8_t opcode)
{
    static const AtapiCommand commands[256] = {
        [0x00] = { test_unit_ready, ATAPI_CHECK_READY | ATAPI_NO_DATA },
        [0x03] = { request_sense, ATAPI_ALLOW_ATTENTION },
        [0x12] = { inquiry, ATAPI_ALLOW_ATTENTION },
        [0x1b] = { start_stop_unit, ATAPI_NO_DATA },
        [0x1e] = { prevent_removal, ATAPI_NO_DATA },
        [0x25] = { read_capacity, ATAPI_CHECK_READY },
        [0x28] = { read_10, ATAPI_CHECK_READY },
        [0x2b] = { seek, ATAPI_CHECK_READY | ATAPI_NO_DATA },
        [0x43] = { read_toc, ATAPI_CHECK_READY },
        [0x46] = { get_configuration, ATAPI_ALLOW_ATTENTION },
        [0x4a] = { get_event_status, ATAPI_ALLOW_ATTENTION },
        [0x51] = { read_disc_information, ATAPI_CHECK_READY },
        [0x5a] = { mode_sense, 0 },
        [0xa8] = { read_12, ATAPI_CHECK_READY },
        [0xad] = { read_dvd_structure, ATAPI_CHECK_READY },
        [0xbb] = { set_speed, ATAPI_NO_DATA },
        [0xbd] = { mechanism_status, 0 },
        [0xbe] = { read_cd, ATAPI_CHECK_READY | ATAPI_NO_DATA },
    };

    return commands[opcode].fn ? &commands[opcode] : NULL;
}
