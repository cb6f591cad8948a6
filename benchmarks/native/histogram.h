/* Times in buckets of under 1 % width, whatever their size. */

#ifndef PARLEY_BENCH_HISTOGRAM_H
#define PARLEY_BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum { SUB_BITS = 7, SUB_BUCKETS = 1 << SUB_BITS, BUCKETS = (64 - SUB_BITS) * SUB_BUCKETS };

typedef struct {
    uint64_t counts[BUCKETS];
    uint64_t total;
    int64_t max_ns;
} Histogram;

static inline void histogram_add(Histogram *histogram, int64_t ns) {
    uint64_t value = ns > 0 ? (uint64_t)ns : 0;
    int shift = value < SUB_BUCKETS ? 0 : 64 - __builtin_clzll(value) - SUB_BITS;
    /* Above the first SUB_BUCKETS values the upper half of a row is used: its first bit is always set. */
    histogram->counts[(size_t)shift * SUB_BUCKETS + (value >> shift)]++;
    histogram->total++;
    if (ns > histogram->max_ns) histogram->max_ns = ns;
}

static inline double histogram_us(const Histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)(share * (double)histogram->total), seen = 0;
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        seen += histogram->counts[bucket];
        if (seen > wanted) {
            size_t shift = bucket / SUB_BUCKETS, value = bucket % SUB_BUCKETS;
            return ((double)value + 0.5) * (double)(1ull << shift) / 1000;
        }
    }
    return (double)histogram->max_ns / 1000;
}

static inline void histogram_print(const char *name, const Histogram *histogram) {
    printf("\"%s\":{\"count\":%llu", name, (unsigned long long)histogram->total);
    if (histogram->total)
        printf(",\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f", histogram_us(histogram, 0.5),
               histogram_us(histogram, 0.9), histogram_us(histogram, 0.99), histogram_us(histogram, 0.999),
               (double)histogram->max_ns / 1000);
    putchar('}');
}

#endif
