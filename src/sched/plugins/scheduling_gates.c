/* SchedulingGates: a pod with gates waits outside the queue. */
#include "sched/framework.h"

static bool pre_enqueue(const struct sealed *pod, struct str *ret_message)
{
    if (value_count(value_at(sealed_root(pod), "spec.schedulingGates")) == 0)
        return true;
    *ret_message = STR("waiting for scheduling gates");
    return false;
}

REGISTER(sched_plugin, scheduling_gates)
= {
    .name = "SchedulingGates",
    .order = 10,
    .events = SCHED_POD_ITSELF,
    .pre_enqueue = pre_enqueue,
};
