// SPDX-License-Identifier: GPL-2.0
/*L:952
 * metrics.c: a guest's numbers as Prometheus text, format 0.0.4, made in lguestctl with its caller's rights. It may print.
 */
#include <stdio.h>
#include <string.h>

#include "control/lguestctl.h"

static long long number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void family(const char *name, const char *type, const char *help)
{
	printf("# HELP lguest_%s %s\n# TYPE lguest_%s %s\n", name, help, name, type);
}

/* The beginning of a line, for the number. @key: of a label beside the guest's name, NULL = there is none. */
static void sample(const char *name, const char *guest, const char *key, const char *value)
{
	printf("lguest_%s{guest=\"", name);
	print_text(stdout, guest, true);
	if (key) {
		printf("\",%s=\"", key);
		print_text(stdout, value, true);
	}
	printf("\"} ");
}

static void of_guest(const json_t *status)
{
	const char *guest = text(status, "name");

	family("up", "gauge", "The guest answers.");
	sample("up", guest, NULL, NULL);
	printf("1\n");
	family("state", "gauge", "1 for the state that it is in.");
	sample("state", guest, "state", text(status, "state"));
	printf("1\n");
	family("uptime_seconds", "gauge", "Since lguest-run was started.");
	sample("uptime_seconds", guest, NULL, NULL);
	printf("%.3f\n", (double)number(status, "uptime_ms") / 1000);
	family("memory_bytes", "gauge", "What the guest was given.");
	sample("memory_bytes", guest, NULL, NULL);
	printf("%lld\n", number(status, "memory"));
}

static void of_devices(const json_t *status)
{
	const char *guest = text(status, "name");
	json_t *d, *all = json_object_get(status, "devices");
	size_t i;

	family("device_up", "gauge", "The device is served.");
	json_array_foreach(all, i, d) {
		const char *state = text(d, "state");

		sample("device_up", guest, "device", text(d, "name"));
		printf("%d\n", !strcmp(state, "serves") || !strcmp(state, "foreign"));
	}
	family("device_restarts_total", "counter", "Processes of the device before this one.");
	json_array_foreach(all, i, d) {
		sample("device_restarts_total", guest, "device", text(d, "name"));
		printf("%lld\n", number(d, "restarts"));
	}
}

static void of_counters(const char *guest, const json_t *counters)
{
	static const struct { const char *key, *name, *type, *help; double scale; } rows[] = {
		{ "pinned_pages", "pinned_bytes", "gauge", "Guest memory that the host has pinned.", 4096 },
		{ "released_pages", "released_bytes_total", "counter", "Guest memory that the guest has given back.", 4096 },
		{ "exits", "exits_total", "counter", "Times that the guest was left.", 1 },
		{ "hypercalls", "hypercalls_total", "counter", "Hypercalls.", 1 },
		{ "page_faults", "page_faults_total", "counter", "Page faults of the guest, shadow tables included.", 1 },
		{ "interrupts", "interrupts_total", "counter", "Interrupts given to the guest.", 1 },
		{ "shadow_pages", "shadow_pages", "gauge", "Pages of shadow tables.", 1 },
		{ "flush_globals", "flush_globals", "gauge", "1 when every entry flushes global TLB entries.", 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		family(rows[i].name, rows[i].type, rows[i].help);
		sample(rows[i].name, guest, NULL, NULL);
		printf("%.0f\n", (double)number(counters, rows[i].key) * rows[i].scale);
	}
}

/* Each that lives is resident: lguest-run could not look at this one. */
static bool known(const json_t *process)
{
	return number(process, "resident");
}

static void of_processes(const char *guest, const json_t *all)
{
	json_t *p, *g;
	size_t i;

	family("process_cpu_seconds_total", "counter", "Processor time of the process that runs now.");
	json_array_foreach(all, i, p) {
		if (!known(p))
			continue;
		sample("process_cpu_seconds_total", guest, "process", text(p, "name"));
		printf("%.3f\n", (double)(number(p, "user_ms") + number(p, "system_ms")) / 1000);
	}
	family("process_resident_bytes", "gauge", "Its resident memory.");
	json_array_foreach(all, i, p) {
		if (!known(p))
			continue;
		sample("process_resident_bytes", guest, "process", text(p, "name"));
		printf("%lld\n", number(p, "resident"));
	}
	family("cgroup_cpu_seconds_total", "counter", "Processor time of the control group, dead processes included.");
	json_array_foreach(all, i, p)
		if ((g = json_object_get(p, "cgroup"))) {
			sample("cgroup_cpu_seconds_total", guest, "process", text(p, "name"));
			printf("%.6f\n", (double)number(g, "usage_usec") / 1e6);
		}
	family("cgroup_memory_bytes", "gauge", "Memory that is charged to the control group.");
	json_array_foreach(all, i, p)
		if ((g = json_object_get(p, "cgroup"))) {
			sample("cgroup_memory_bytes", guest, "process", text(p, "name"));
			printf("%lld\n", number(g, "memory"));
		}
}

void metrics(const json_t *status, const json_t *stats)
{
	of_guest(status);
	of_devices(status);
	if (!stats)
		return;
	of_counters(text(status, "name"), json_object_get(stats, "counters"));
	of_processes(text(status, "name"), json_object_get(stats, "processes"));
}
