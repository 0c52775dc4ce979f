pkg install /hello.deb && hello && pkg files hello && pkg remove hello
