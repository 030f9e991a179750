/* telemetry.c: the event ring of telemetry.h. */
#include "bitactor/ring.h"
#include "bitactor/telemetry.h"

BA_API int ba_telemetry_write(struct ba_telemetry *telemetry, const struct ba_event *event) {
    if (telemetry == NULL || event == NULL) return BA_ENULL;
    uint64_t index = ba_relaxed64(&telemetry->written);
    struct ba_event_slot *slot = &telemetry->slot[index % BA_TELEMETRY_EVENTS];
    ba_set_relaxed64(&slot->stamp, 2 * index + 1);
    ba_fence_release();
    ba_set_relaxed64(&slot->words[0], event->timestamp);
    ba_set_relaxed64(&slot->words[1], event->value);
    ba_set_relaxed64(&slot->words[2], (uint64_t)event->type | (uint64_t)event->kind << 8 |
                                          (uint64_t)event->code << 16 | (uint64_t)event->count << 32);
    ba_set_relaxed64(&slot->stamp, 2 * index + 2);
    ba_release64(&telemetry->written, index + 1);
    return BA_OK;
}

/* lost moves a cursor to the oldest event that can still be there. */
static int lost(const struct ba_telemetry *telemetry, uint64_t *cursor) {
    *cursor = ba_acquire64(&telemetry->written) - BA_TELEMETRY_EVENTS + 1;
    return BA_ELOST;
}

BA_API int ba_telemetry_read(const struct ba_telemetry *telemetry, uint64_t *cursor, struct ba_event *out) {
    if (telemetry == NULL || cursor == NULL || out == NULL) return BA_ENULL;
    uint64_t index = *cursor;
    uint64_t written = ba_acquire64(&telemetry->written);
    if (index >= written) return BA_EEMPTY;
    if (written - index > BA_TELEMETRY_EVENTS) return lost(telemetry, cursor);
    const struct ba_event_slot *slot = &telemetry->slot[index % BA_TELEMETRY_EVENTS];
    uint64_t timestamp = ba_relaxed64(&slot->words[0]);
    uint64_t value = ba_relaxed64(&slot->words[1]);
    uint64_t rest = ba_relaxed64(&slot->words[2]);
    ba_fence_acquire();
    if (ba_relaxed64(&slot->stamp) != 2 * index + 2) return lost(telemetry, cursor);
    out->timestamp = timestamp;
    out->value = value;
    out->type = (uint8_t)rest;
    out->kind = (uint8_t)(rest >> 8);
    out->code = (uint16_t)(rest >> 16);
    out->count = (uint32_t)(rest >> 32);
    *cursor = index + 1;
    return BA_OK;
}
