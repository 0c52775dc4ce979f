extern "C" void kernel_main();
extern void (*const volatile first)();
void (*const volatile first)() = kernel_main;
extern "C" void kernel_main() {
    first();
}
