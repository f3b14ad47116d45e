// SPDX-License-Identifier: Apache-2.0

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs all tests of the Java client and reports in TAP; each has a deadline. */
final class Main {
    private static final int TEST_SECONDS = 30;

    @FunctionalInterface
    interface Body {
        void run() throws Exception;
    }

    record Test(String name, Body body) {}

    private Main() {}

    private static String reasonOf(Throwable error) {
        Throwable root = error;
        while (root instanceof ExecutionException && root.getCause() != null) {
            root = root.getCause();
        }
        String cause = root.getCause() == null ? "" : ": " + root.getCause().getMessage();
        return (root + cause).lines().findFirst().orElse("");
    }

    private static boolean run(ExecutorService executor, int number, Test test) {
        var running = executor.submit(() -> {
            test.body().run();
            return null;
        });
        try {
            running.get(TEST_SECONDS, TimeUnit.SECONDS);
            System.out.printf("ok %d - %s%n", number, test.name());
            return true;
        } catch (ExecutionException | InterruptedException | TimeoutException error) {
            System.out.printf("not ok %d - %s # %s%n", number, test.name(), reasonOf(error));
            error.printStackTrace();
            return false;
        }
    }

    public static void main(String[] arguments) {
        List<Test> tests = new ArrayList<>(Patterns.TESTS);
        tests.addAll(Library.TESTS);
        ExecutorService executor = Executors.newCachedThreadPool();
        boolean allPassed = true;
        System.out.printf("1..%d%n", tests.size());
        for (int i = 0; i < tests.size(); i++) {
            allPassed &= run(executor, i + 1, tests.get(i));
        }
        System.exit(allPassed ? 0 : 1);
    }
}
