// SPDX-License-Identifier: GPL-2.0
/*
 * core_control.c: the table of messages between lguest-run and lguest-core: what it has is let in, and nothing beside it.
 */
#include <criterion/criterion.h>

#include "core/control.h"

static bool let_in(uint32_t type, uint32_t device, bool to_core, enum control_state state, unsigned int devices, bool fd)
{
	struct control_msg m = { .type = type, .device = device };

	return control_allowed(&m, sizeof(m), to_core, state, devices, fd);
}

/* Said a second time, on purpose: direction (1 to the core, 2 from it), when (1 before the guest runs, 2 then), is it about a device, does a descriptor come. */
static const struct { uint32_t type; unsigned int ways; unsigned int states; bool device, fd; } row[] = {
	{ CONTROL_CONNECT, 1, 2, true, true }, { CONTROL_GIVE_UP, 1, 2, true, false }, { CONTROL_ASK, 1, 2, false, false },
	{ CONTROL_EVENT, 1, 2, false, false }, { CONTROL_STATS, 3, 2, false, false },
	{ CONTROL_RUNNING, 2, 1, false, false }, { CONTROL_LOST, 2, 2, true, false }, { CONTROL_RECOVERED, 2, 2, true, false },
	{ CONTROL_ALIVE, 2, 2, false, false }, { CONTROL_END, 2, 3, false, false }, { CONTROL_REFUSED, 2, 2, true, false },
};
#define ROWS (sizeof(row) / sizeof(row[0]))

Test(core_control, each_message_its_way_and_time)
{
	cr_assert_eq(ROWS, CONTROL_TYPES - 1, "a message without a row here");
	for (unsigned int i = 0; i < ROWS; i++)
		for (unsigned int to_core = 0; to_core < 2; to_core++)
			for (unsigned int state = 1; state <= 2; state++)
				for (unsigned int fd = 0; fd < 2; fd++)
					cr_expect_eq(let_in(row[i].type, 0, to_core, state, 1, fd),
						     row[i].ways & (to_core ? 1 : 2) && state & row[i].states && fd == row[i].fd,
						     "message %u, to the core %u, state %u, descriptor %u", row[i].type, to_core, state, fd);
}

Test(core_control, only_devices_that_there_are)
{
	for (unsigned int i = 0; i < ROWS; i++) {
		enum control_state state = row[i].states & 1 ? CONTROL_BEFORE : CONTROL_RUNS;

		cr_expect(let_in(row[i].type, 2, row[i].ways & 1, state, 3, row[i].fd), "message %u", row[i].type);
		cr_expect_not(let_in(row[i].type, 3, row[i].ways & 1, state, 3, row[i].fd), "message %u", row[i].type);
		cr_expect_not(let_in(row[i].type, UINT32_MAX, row[i].ways & 1, state, 3, row[i].fd), "message %u", row[i].type);
		cr_expect_eq(let_in(row[i].type, 0, row[i].ways & 1, state, 0, row[i].fd), !row[i].device, "message %u, no device", row[i].type);
	}
}

Test(core_control, whole_messages_of_known_types)
{
	struct control_msg m = { .type = CONTROL_ASK };

	cr_expect(control_allowed(&m, sizeof(m), true, CONTROL_RUNS, 1, false));
	cr_expect_not(control_allowed(&m, sizeof(m) - 1, true, CONTROL_RUNS, 1, false));
	cr_expect_not(control_allowed(&m, sizeof(m) + 1, true, CONTROL_RUNS, 1, false));
	cr_expect_not(let_in(0, 0, true, CONTROL_RUNS, 1, false));
	cr_expect_not(let_in(CONTROL_TYPES, 0, true, CONTROL_RUNS, 1, false));
	cr_expect_not(let_in(UINT32_MAX, 0, true, CONTROL_RUNS, 1, false));
}
