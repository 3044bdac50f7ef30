package site;

import java.util.Arrays;
import java.util.Scanner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetails;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;

/**
 * The Spring application of docs/guides/spring-authorization-server.md, with users in memory, whose password is
 * "password". A line "NUMBER USER GROUP,GROUP" on standard input makes the user, or changes the groups, and is answered by the line "done NUMBER".
 */
@SpringBootApplication
public class Server {
  public static void main(String[] args) {
    InMemoryUserDetailsManager users = SpringApplication.run(Server.class, args).getBean(InMemoryUserDetailsManager.class);
    Scanner lines = new Scanner(System.in);
    while (lines.hasNextLine()) {
      String[] line = lines.nextLine().split(" ", -1);
      String[] authorities = Arrays.stream(line[2].split(",")).filter(group -> !group.isEmpty()).map(group -> "GROUP_" + group).toArray(String[]::new);
      UserDetails user = User.withUsername(line[1]).password("{noop}password").authorities(authorities).build();
      if (users.userExists(line[1])) users.updateUser(user);
      else users.createUser(user);
      System.out.println("done " + line[0]);
    }
    System.exit(0);
  }

  @Bean
  InMemoryUserDetailsManager users() {
    return new InMemoryUserDetailsManager();
  }
}
