/* SPDX-License-Identifier: GPL-2.0 */
/* An event of the module's, with an enum whose value its format must show. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM lgprobe
#if !defined(LGPROBE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define LGPROBE_TRACE_H
#include <linux/tracepoint.h>

TRACE_DEFINE_ENUM(LGPROBE_SEVEN);

TRACE_EVENT(lgprobe_hit,
	TP_PROTO(int count),
	TP_ARGS(count),
	TP_STRUCT__entry(__field(int, count)),
	TP_fast_assign(__entry->count = count;),
	TP_printk("count=%d kind=%s", __entry->count,
		  __print_symbolic(__entry->count, { LGPROBE_SEVEN, "seven" }))
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
