/* trace.c: the reversible trace of trace.h. */
#include "bitactor/trace.h"

BA_API size_t ba_trace_bytes(uint32_t records) {
    if (records < 2 || records > BA_TRACE_RECORDS_MAX || (records & (records - 1)) != 0) return 0;
    return BA_TRACE_BYTES + (size_t)records * BA_TRACE_RECORD_BYTES;
}

BA_API int ba_trace_init(void *memory, size_t bytes, uint32_t records, struct ba_trace **out) {
    if (memory == NULL || out == NULL) return BA_ENULL;
    if ((uintptr_t)memory % BA_LINE_BYTES != 0) return BA_EALIGN;
    size_t need = ba_trace_bytes(records);
    if (need == 0) return BA_EINVAL;
    if (bytes < need) return BA_ERANGE;
    struct ba_trace *trace = memory;
    memset(memory, 0, need);
    trace->records = records;
    trace->magic = BA_TRACE_MAGIC;
    *out = trace;
    return BA_OK;
}

static struct ba_record *record_at(struct ba_trace *trace, uint64_t position) {
    return &trace->record[position & (trace->records - 1)];
}

/* append returns the next record, zeroed, with its signal's sequence and kind. */
static struct ba_record *append(struct ba_trace *trace, uint8_t type) {
    uint64_t position = trace->cursor;
    struct ba_record *record = record_at(trace, position);
    memset(record, 0, sizeof *record);
    record->sequence = trace->sequence;
    record->kind = (uint8_t)trace->kind;
    record->type = type;
    trace->cursor = position + 1;
    ba_set_relaxed64(&trace->end, position + 1);
    if (position + 1 - ba_relaxed64(&trace->begin) > trace->records) {
        ba_set_relaxed64(&trace->begin, position + 1 - trace->records);
    }
    return record;
}

BA_API int ba_trace_signal(struct ba_trace *trace, const struct ba_signal *signal) {
    if (trace == NULL || signal == NULL) return BA_ENULL;
    if (trace->magic != BA_TRACE_MAGIC) return BA_EMODE;
    if (signal->size > BA_SIGNAL_PAYLOAD_BYTES) return BA_EINVAL;
    trace->sequence = signal->sequence;
    trace->kind = signal->kind;
    struct ba_record *record = append(trace, BA_RECORD_SIGNAL);
    uint64_t meta = (uint64_t)signal->size | (uint64_t)signal->flags << 16;
    record->length = (uint8_t)signal->size;
    memcpy(record->before, &signal->source, 8);
    memcpy(record->before + 8, &signal->destination, 8);
    memcpy(record->before + 16, &meta, 8);
    memcpy(record->after, signal->payload.bytes, signal->size);
    return BA_OK;
}

BA_API int ba_trace_change(struct ba_trace *trace, void *state, size_t state_bytes, uint32_t offset,
                           const void *value, uint32_t length) {
    if (trace == NULL || state == NULL || value == NULL) return BA_ENULL;
    if (trace->magic != BA_TRACE_MAGIC) return BA_EMODE;
    if (offset > state_bytes || length > state_bytes - offset) return BA_ERANGE;
    const unsigned char *from = value;
    unsigned char *to = (unsigned char *)state + offset;
    for (uint32_t done = 0; done < length;) {
        uint32_t part = length - done < BA_TRACE_VALUE_BYTES ? length - done : BA_TRACE_VALUE_BYTES;
        struct ba_record *record = append(trace, BA_RECORD_CHANGE);
        record->offset = offset + done;
        record->length = (uint8_t)part;
        memcpy(record->before, to + done, part);
        memcpy(record->after, from + done, part);
        memcpy(to + done, record->after, part); /* from the copy: [value] may lie in the state */
        done += part;
    }
    return BA_OK;
}

/* step moves the state across one record, from the bytes [is] to the bytes [becomes]. */
static int step(const struct ba_record *record, void *state, size_t state_bytes, const uint8_t *is,
                const uint8_t *becomes) {
    if (record->type == BA_RECORD_SIGNAL) return BA_OK;
    if (record->offset > state_bytes || record->length > state_bytes - record->offset) return BA_ERANGE;
    unsigned char *at = (unsigned char *)state + record->offset;
    if (memcmp(at, is, record->length) != 0) return BA_ESTATE;
    memcpy(at, becomes, record->length);
    return BA_OK;
}

BA_API int ba_trace_back(struct ba_trace *trace, void *state, size_t state_bytes) {
    if (trace == NULL || state == NULL) return BA_ENULL;
    if (trace->magic != BA_TRACE_MAGIC) return BA_EMODE;
    if (trace->cursor == ba_relaxed64(&trace->begin)) return BA_EEMPTY;
    const struct ba_record *record = record_at(trace, trace->cursor - 1);
    int code = step(record, state, state_bytes, record->after, record->before);
    if (code == BA_OK) trace->cursor--;
    return code;
}

BA_API int ba_trace_forward(struct ba_trace *trace, void *state, size_t state_bytes) {
    if (trace == NULL || state == NULL) return BA_ENULL;
    if (trace->magic != BA_TRACE_MAGIC) return BA_EMODE;
    if (trace->cursor == ba_relaxed64(&trace->end)) return BA_EEMPTY;
    const struct ba_record *record = record_at(trace, trace->cursor);
    int code = step(record, state, state_bytes, record->before, record->after);
    if (code == BA_OK) trace->cursor++;
    return code;
}

BA_API int ba_trace_export(const struct ba_trace *trace, uint64_t *position, struct ba_record *out) {
    if (trace == NULL || position == NULL || out == NULL) return BA_ENULL;
    if (trace->magic != BA_TRACE_MAGIC) return BA_EMODE;
    if (*position >= ba_relaxed64(&trace->end)) return BA_EEMPTY;
    if (*position < ba_relaxed64(&trace->begin)) {
        *position = ba_relaxed64(&trace->begin);
        return BA_ELOST;
    }
    *out = trace->record[*position & (trace->records - 1)];
    *position += 1;
    return BA_OK;
}
