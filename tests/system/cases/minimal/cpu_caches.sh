# What /sys says of a CPU's place and of the caches that are its own.
cd /sys/devices/system/cpu
for cpu in cpu0 cpu1; do
    for f in core_cpus core_cpus_list core_id core_siblings core_siblings_list die_cpus die_cpus_list die_id package_cpus package_cpus_list \
        physical_package_id thread_siblings thread_siblings_list; do
        echo "$cpu $f $(cat $cpu/topology/$f)"
    done
    for index in 0 1 2; do
        for f in coherency_line_size id level number_of_sets physical_line_partition shared_cpu_list shared_cpu_map size type ways_of_associativity; do
            echo "$cpu $index $f $(cat $cpu/cache/index$index/$f)"
        done
    done
done
ls -d cpu0/cache/index* cpu9/cache cpu0/cache/index9 cpu0/topology/none
echo 1 > cpu0/topology/core_id
